/*
 * What the broker asks, answered by the policy and recorded.
 */
#ifndef SUPERVISOR_NET_JUDGE_H
#define SUPERVISOR_NET_JUDGE_H

#include "supervisor/net/flows.h"

struct judge;

/** For one thread. NULL without memory. */
struct judge *judge_new(struct session *session, struct net_names *names);
void judge_free(struct judge *judge);

/** May the name be looked up? Fills the verdict in: addresses too, where the
 * host itself has them. */
void judge_name(struct judge *judge, struct net_flow *flow,
		const struct net_message *question,
		struct net_message *verdict);

/** Which of the addresses that were found may be told? They are remembered. */
void judge_found(struct judge *judge, struct net_flow *flow,
		 const struct net_message *question,
		 struct net_message *verdict);

/** May the far end be spoken to by that name? */
void judge_server(struct judge *judge, struct net_flow *flow,
		  const struct net_message *question,
		  struct net_message *verdict);

/** May this request be made? Returns false where a person is asked: the answer
 * follows by itself. */
bool judge_request(struct judge *judge, struct net_flow *flow,
		   const struct net_message *question,
		   struct net_message *verdict);

/** Nobody need answer `token` of the flow any more; 0: any, the flow is over. */
void judge_forget(struct judge *judge, uint32_t flow, uint32_t token);

/** A placeholder was on its way to a host not its own, or a request was not
 * what it should be. */
void judge_alert(struct judge *judge, const struct net_flow *flow,
		 const struct net_message *message);

/** A secret took the place of its placeholder. */
void judge_swapped(struct judge *judge, const struct net_flow *flow,
		   const struct net_message *message);

/** A connection is over. */
void judge_ended(struct judge *judge, const struct net_flow *flow,
		 const struct net_message *message);

/** The broker ended a flow for what it carried. */
void judge_refused(struct judge *judge, const struct net_flow *flow,
		   const struct net_message *message);

#endif
