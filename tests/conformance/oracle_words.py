"""Words and phrases by the rules of lib/mail/words.h, written down a second time: what tests compare the index with."""

import functools
import unicodedata

IGNORABLE = {0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180E, 0x180F, 0x3164, 0xFFA0,
             0xFEFF} | set(range(0x200B, 0x2010)) | set(range(0x202A, 0x202F)) | set(range(0x2060, 0x2070)) \
    | set(range(0xFE00, 0xFE10)) | set(range(0xE0000, 0xE1000))
SINGLE = [(0xE00, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x312F), (0x31A0, 0x31FF),
          (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0x1B000, 0x1B16F), (0x20000, 0x3FFFF)]


def fold(text):
    while (folded := unicodedata.normalize("NFKD", text.casefold())) != text:
        text = folded
    return text


def kind(c):
    if ord(c) in IGNORABLE or c == "\u0640":
        return "nothing"
    category, combining = unicodedata.category(c), unicodedata.combining(c)
    if category in ("Cf", "Me"):
        return "nothing"
    if category == "Mn":
        return "nothing" if combining == 1 or 10 <= combining <= 36 or combining >= 200 else "mark"
    if category == "Mc":
        return "mark"
    if category[0] in "LN" or category == "Co":
        return "single" if any(a <= ord(c) <= b for a, b in SINGLE) else "word"
    return "between"


def words(text):
    """The words of a text by the rules of lib/mail/words.h, written down a second time."""
    out, word, single = [], "", False
    for original in text:
        for c in fold(original):
            k = kind(c)
            if k == "nothing" or (k == "mark" and not word):
                continue
            if word and (k == "between" or k == "single" or (k == "word" and single)):
                out.append(word)
                word = ""
            if k != "between":
                if not word:
                    single = k == "single"
                word += c
    return out + ([word] if word else [])


def shortened(word):
    """Words count by their first 64 octets."""
    while len(word.encode()) > 64:
        word = word[:-1]
    return word


def phrases(typed):
    """What a person types (RFC 8621 4.4.1), without backslashes: lists of words, the last of which may go on."""
    out, rest = [], typed
    while rest := rest.lstrip(" "):
        quote = rest[0] if rest[0] in "\"'" and rest[0] in rest[1:] else None
        if quote:
            phrase, rest = rest[1:].split(quote, 1)
        else:
            phrase, space, rest = rest.partition(" ")
            rest = space + rest
        found = list(map(shortened, words(phrase)))
        if found:
            out.append((found, not quote and not rest and len(found[-1]) >= 3 and kind(fold(phrase)[-1]) != "between"
                        and kind(found[-1][0]) != "single"))
    return out


def has_phrase(texts, phrase, prefix):
    n = len(phrase)
    for text in texts:
        for at in range(len(text) - n + 1):
            some = text[at:at + n]
            if some == phrase or (prefix and some[:-1] == phrase[:-1] and some[-1].startswith(phrase[-1])):
                return True
    return False


@functools.lru_cache(maxsize=10000)
def indexed(text):
    return list(map(shortened, words(text)))


def matches(typed, fields):
    """Do all phrases stand in the fields, each in one of them?"""
    texts = [indexed(f) for f in fields]
    return all(has_phrase(texts, phrase, prefix) for phrase, prefix in phrases(typed))
