#include "shim/config.h"
#include "shim/shim.h"

__attribute__((section(".interpose"), aligned(64)))
const struct shim_config shim_config = {.magic = SHIM_MAGIC};
