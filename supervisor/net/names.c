#include "supervisor/net/names.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	MOST_NAMES = 4096,
	MOST_ADDRESSES = 16384, /* a power of two */
	PROBES = 16,
	LEAST_LIFE = 3600,
};

/* All of it is reserved and, until used, costs nothing. */
struct address_entry {
	struct net_address address;
	uint16_t names[NET_NAMES_OF_ONE]; /* number + 1; 0: free */
	time_t expires[NET_NAMES_OF_ONE]; /* 0: never */
};

struct name_entry {
	char text[NET_NAME];
	bool trusted, standin;
};

struct net_names {
	pthread_mutex_t lock;
	size_t name_count;
	struct name_entry names[MOST_NAMES];
	struct address_entry addresses[MOST_ADDRESSES];
};

struct net_names *net_names_new(void)
{
	struct net_names *names = calloc(1, sizeof(*names));

	if (names)
		pthread_mutex_init(&names->lock, NULL);
	return names;
}

void net_names_free(struct net_names *names)
{
	if (!names)
		return;
	pthread_mutex_destroy(&names->lock);
	free(names);
}

static time_t now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &at);
	return at.tv_sec + 1;
}

static bool same_address(const struct net_address *a,
			 const struct net_address *b)
{
	return a->family == b->family &&
	       memcmp(a->bytes, b->bytes, a->family == AF_INET ? 4 : 16) == 0;
}

static size_t place_of(const struct net_address *address)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < (address->family == AF_INET ? 4u : 16u); i++)
		hash = (hash ^ address->bytes[i]) * 0x100000001b3u;
	return (size_t)(hash >> 20) % MOST_ADDRESSES;
}

/* The entry of an address; `make`: a new one, if need be in the place of one
 * that is over. */
static struct address_entry *
entry_of(struct net_names *names, const struct net_address *address, bool make)
{
	size_t place = place_of(address);
	struct address_entry *over = NULL;

	for (size_t i = 0; i < PROBES; i++) {
		struct address_entry *entry =
			&names->addresses[(place + i) % MOST_ADDRESSES];
		bool lives = false;

		if (entry->address.family &&
		    same_address(&entry->address, address))
			return entry;
		for (size_t k = 0; k < NET_NAMES_OF_ONE; k++)
			lives = lives || (entry->names[k] &&
					  (entry->expires[k] == 0 ||
					   entry->expires[k] > now()));
		if (!lives && !over)
			over = entry;
	}
	if (!make || !over)
		return NULL;
	memset(over, 0, sizeof(*over));
	over->address = *address;
	return over;
}

static int number_of(struct net_names *names, const char *name, bool make)
{
	for (size_t i = 0; i < names->name_count; i++)
		if (strcmp(names->names[i].text, name) == 0)
			return (int)i;
	if (!make || names->name_count == MOST_NAMES ||
	    strlen(name) >= NET_NAME)
		return -ENOSPC;
	strcpy(names->names[names->name_count].text, name);
	return (int)names->name_count++;
}

/* The last one found comes first; what was first before goes on. */
static void put_first(struct address_entry *entry, uint16_t number,
		      time_t expires)
{
	size_t at = 0;

	while (at < NET_NAMES_OF_ONE - 1 && entry->names[at] &&
	       entry->names[at] != number)
		at++;
	if (entry->names[at] == number && entry->expires[at] == 0)
		expires = 0;
	for (; at > 0; at--) {
		entry->names[at] = entry->names[at - 1];
		entry->expires[at] = entry->expires[at - 1];
	}
	entry->names[0] = number;
	entry->expires[0] = expires;
}

int net_names_add(struct net_names *names, const char *name,
		  const struct net_address *address, uint32_t ttl, bool trusted)
{
	time_t life = ttl > LEAST_LIFE ? (time_t)ttl : LEAST_LIFE;
	int error = 0;

	pthread_mutex_lock(&names->lock);
	int number = number_of(names, name, true);
	struct address_entry *entry =
		number < 0 ? NULL : entry_of(names, address, true);

	if (entry) {
		put_first(entry, (uint16_t)(number + 1),
			  trusted ? 0 : now() + life);
		names->names[number].trusted |= trusted;
	} else {
		error = -ENOSPC;
	}
	pthread_mutex_unlock(&names->lock);
	return error;
}

/* RFC 2544: 198.18.0.0/15 is for measuring devices, and no network's. The
 * number of the name is the lower half of the address. */
static const uint8_t standin_prefix[2] = {198, 19};

int net_names_standin(struct net_names *names, const char *name,
		      struct net_address *address)
{
	pthread_mutex_lock(&names->lock);
	int number = number_of(names, name, true);

	if (number >= 0)
		names->names[number].standin = true;
	pthread_mutex_unlock(&names->lock);
	if (number < 0)
		return number;
	*address = (struct net_address){
		.family = AF_INET,
		.bytes = {standin_prefix[0], standin_prefix[1],
			  (uint8_t)((number + 1) >> 8), (uint8_t)(number + 1)},
	};
	return 0;
}

/* With the lock held. */
static const struct name_entry *standin_of(const struct net_names *names,
					   const struct net_address *address)
{
	size_t number = (size_t)address->bytes[2] << 8 | address->bytes[3];

	if (address->family != AF_INET ||
	    memcmp(address->bytes, standin_prefix, sizeof(standin_prefix)) !=
		    0 ||
	    number == 0 || number > names->name_count ||
	    !names->names[number - 1].standin)
		return NULL;
	return &names->names[number - 1];
}

size_t net_names_of(struct net_names *names, const struct net_address *address,
		    struct net_known known[NET_NAMES_OF_ONE])
{
	size_t count = 0;

	pthread_mutex_lock(&names->lock);
	struct address_entry *entry = entry_of(names, address, false);
	const struct name_entry *standin = standin_of(names, address);

	if (standin) {
		known[count++] = (struct net_known){
			.name = standin->text,
			.standin = true,
		};
		entry = NULL;
	}
	for (size_t i = 0; entry && i < NET_NAMES_OF_ONE; i++) {
		if (!entry->names[i] ||
		    (entry->expires[i] && entry->expires[i] <= now()))
			continue;
		known[count++] = (struct net_known){
			.name = names->names[entry->names[i] - 1].text,
			.trusted = entry->expires[i] == 0,
		};
	}
	pthread_mutex_unlock(&names->lock);
	return count;
}

size_t net_names_hosts(struct net_names *names, const char *name, int family,
		       struct net_address addresses[NET_ADDRESSES])
{
	size_t count = 0;

	pthread_mutex_lock(&names->lock);
	int number = number_of(names, name, false);

	for (size_t i = 0;
	     number >= 0 && i < MOST_ADDRESSES && count < NET_ADDRESSES; i++) {
		const struct address_entry *entry = &names->addresses[i];

		if (entry->address.family != family)
			continue;
		for (size_t k = 0; k < NET_NAMES_OF_ONE; k++) {
			if (entry->names[k] != number + 1 || entry->expires[k])
				continue;
			addresses[count++] = entry->address;
			break;
		}
	}
	pthread_mutex_unlock(&names->lock);
	return count;
}

bool net_names_is_host(struct net_names *names, const char *name)
{
	pthread_mutex_lock(&names->lock);
	int number = number_of(names, name, false);
	bool trusted = number >= 0 && names->names[number].trusted;

	pthread_mutex_unlock(&names->lock);
	return trusted;
}

/* ------------------------------------------------------------ addresses -- */

struct block {
	uint8_t family, bits;
	uint8_t bytes[16];
};

/* RFC 6890 and its successors, and what clouds serve their keys from. */
static const struct block special[] = {
	{AF_INET, 8, {0}},
	{AF_INET, 8, {10}},
	{AF_INET, 10, {100, 64}},
	{AF_INET, 8, {127}},
	{AF_INET, 16, {169, 254}},
	{AF_INET, 12, {172, 16}},
	{AF_INET, 24, {192, 0, 0}},
	{AF_INET, 16, {192, 168}},
	{AF_INET, 15, {198, 18}},
	{AF_INET, 32, {168, 63, 129, 16}},
	{AF_INET, 3, {224}}, /* multicast, and what lies behind it */
	{AF_INET6, 96, {0}}, /* ::, ::1, and IPv4 in old coats */
	{AF_INET6, 96, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}},
	{AF_INET6, 96, {0, 0x64, 0xff, 0x9b}}, /* NAT64, of any IPv4 */
	{AF_INET6, 48, {0, 0x64, 0xff, 0x9b, 0, 1}},
	{AF_INET6, 64, {1}},	      /* discarded */
	{AF_INET6, 16, {0x20, 0x02}}, /* 6to4, of any IPv4 */
	{AF_INET6, 32, {0x20, 0x01}}, /* Teredo */
	{AF_INET6, 7, {0xfc}},
	{AF_INET6, 10, {0xfe, 0x80}},
	{AF_INET6, 10, {0xfe, 0xc0}},
	{AF_INET6, 8, {0xff}},
};

bool net_address_is_special(const struct net_address *address)
{
	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++) {
		const struct block *block = &special[i];
		unsigned whole = block->bits / 8u, rest = block->bits % 8u;
		uint8_t mask = (uint8_t)(0xff00u >> rest);

		if (block->family == address->family &&
		    memcmp(block->bytes, address->bytes, whole) == 0 &&
		    (rest == 0 || (address->bytes[whole] & mask) ==
					  (block->bytes[whole] & mask)))
			return true;
	}
	return false;
}

void net_address_of(const union net_endpoint *endpoint,
		    struct net_address *address, uint16_t *port)
{
	memset(address, 0, sizeof(*address));
	if (endpoint->any.sa_family == AF_INET) {
		address->family = AF_INET;
		memcpy(address->bytes, &endpoint->in.sin_addr, 4);
		*port = ntohs(endpoint->in.sin_port);
		return;
	}
	*port = ntohs(endpoint->in6.sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&endpoint->in6.sin6_addr)) {
		address->family = AF_INET;
		memcpy(address->bytes, endpoint->in6.sin6_addr.s6_addr + 12, 4);
		return;
	}
	address->family = AF_INET6;
	memcpy(address->bytes, &endpoint->in6.sin6_addr, 16);
}
