/* db_fault.h - faults under sqlite, see io/file_fault.h. */
#pragma once

#ifdef GK_FAULTS
/* From here on databases are opened through it. */
void db_fault_init(void);
#else
#define db_fault_init() ((void)0)
#endif
