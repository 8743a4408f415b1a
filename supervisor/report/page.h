/*
 * The style and the script of a report's page. The page allows these two by
 * their hashes, and nothing else: no other script, no network.
 */
#ifndef SUPERVISOR_REPORT_PAGE_H
#define SUPERVISOR_REPORT_PAGE_H

extern const char page_style[];
extern const char page_script[];

#endif
