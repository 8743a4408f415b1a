#include "supervisor/net/hosts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/net/protocol.h"

static const char separators[] = " \t\r\n";

static bool parse_address(const char *text, struct net_address *address)
{
	memset(address, 0, sizeof(*address));
	address->family = AF_INET;
	if (inet_pton(AF_INET, text, address->bytes) == 1)
		return true;
	address->family = AF_INET6;
	return inet_pton(AF_INET6, text, address->bytes) == 1;
}

/* hosts(5) */
void net_hosts_each(void (*visit)(void *context, const char *name,
				  const struct net_address *address),
		    void *context)
{
	FILE *file = fopen("/etc/hosts", "re");
	char line[4096];

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		struct net_address address;
		char *rest = NULL;

		line[strcspn(line, "#")] = '\0';
		const char *word = strtok_r(line, separators, &rest);

		if (!word || !parse_address(word, &address))
			continue;
		while ((word = strtok_r(NULL, separators, &rest))) {
			char name[NET_NAME];
			size_t length = strlen(word);

			if (length == 0 || length >= sizeof(name))
				continue;
			for (size_t i = 0; i <= length; i++)
				name[i] =
					(char)(word[i] >= 'A' && word[i] <= 'Z'
						       ? word[i] | 0x20
						       : word[i]);
			visit(context, name, &address);
		}
	}
	fclose(file);
}

/* resolv.conf(5) */
static void read_servers(char *list, size_t size)
{
	FILE *file = fopen("/etc/resolv.conf", "re");
	char line[1024];
	size_t used = 0;

	list[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		struct net_address address;
		char *rest = NULL;
		const char *word = strtok_r(line, separators, &rest);

		if (!word || strcmp(word, "nameserver") != 0)
			continue;
		word = strtok_r(NULL, separators, &rest);
		if (!word || !parse_address(word, &address) ||
		    used + strlen(word) + 2 > size)
			continue;
		used += (size_t)snprintf(list + used, size - used, "%s%s",
					 used ? "," : "", word);
	}
	if (file)
		fclose(file);
	if (used == 0)
		snprintf(list, size, "127.0.0.1");
}

/* Does `name` end in the domain, with two labels or more before it? */
static bool is_below(const char *name, const char *domain)
{
	size_t length = strlen(name), size = strlen(domain);

	if (size == 0 || length <= size + 1 ||
	    strcasecmp(name + length - size, domain) != 0 ||
	    name[length - size - 1] != '.')
		return false;
	const char *dot = strchr(name, '.');

	return dot < name + length - size - 1;
}

bool net_hosts_searched(const char *name)
{
	FILE *file = fopen("/etc/resolv.conf", "re");
	bool found = false;
	char line[1024];

	while (file && !found && fgets(line, sizeof(line), file)) {
		char *rest = NULL;
		const char *word = strtok_r(line, separators, &rest);

		if (!word || (strcmp(word, "search") != 0 &&
			      strcmp(word, "domain") != 0))
			continue;
		while (!found && (word = strtok_r(NULL, separators, &rest)))
			found = is_below(name, word);
	}
	if (file)
		fclose(file);
	return found;
}

bool net_servers_changed(struct net_servers *seen, char *list, size_t size)
{
	struct stat status;

	if (stat("/etc/resolv.conf", &status))
		memset(&status, 0, sizeof(status));
	if (status.st_mtim.tv_sec == seen->changed.tv_sec &&
	    status.st_mtim.tv_nsec == seen->changed.tv_nsec &&
	    status.st_ino == seen->inode)
		return false;
	seen->changed = status.st_mtim;
	seen->inode = status.st_ino;
	read_servers(list, size);
	return true;
}
