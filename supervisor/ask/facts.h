/*
 * What is shown of a question: who asks, where, by which rule, and what could
 * be granted.
 */
#ifndef SUPERVISOR_ASK_FACTS_H
#define SUPERVISOR_ASK_FACTS_H

struct ask;
struct question;

/** As question_shown() of questions.h. */
const char *question_shown(struct ask *ask, struct question *question);

#endif
