/*
 * lookup.h - what a SASL exchange needs to know of users, from accounts.db.
 *
 * A name that is nobody's has a salt all the same, made from the name under a key of this
 * installation, so that who asks cannot tell who exists.
 */
#pragma once

#include "authd/sasl.h"

extern const struct sasl_lookup lookup_users;
