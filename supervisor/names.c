#include "supervisor/names.h"

#include <pthread.h>

static pthread_rwlock_t names = PTHREAD_RWLOCK_INITIALIZER;

void names_change(void)
{
	pthread_rwlock_rdlock(&names);
}

void names_changed(void)
{
	pthread_rwlock_unlock(&names);
}

void names_freeze(void)
{
	pthread_rwlock_wrlock(&names);
}

void names_thaw(void)
{
	pthread_rwlock_unlock(&names);
}
