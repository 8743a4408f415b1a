#include "supervisor/net/http_two_gate.h"

#include <string.h>
#include <time.h>

#include "supervisor/net/http_head.h"

enum {
	CREDIT_BEGIN = 1000,
	CREDIT_MOST = 4000,
	CREDIT_A_SECOND = 50,
	COST_FRAME = 1,
	COST_RESET = 2,
	FRAME_DATA = 0,
	FRAME_HEADERS = 1,
	FRAME_RESET = 3,
	FRAME_CONTINUATION = 9,
	FLAG_END_HEADERS = 4,
	FLAG_PADDED = 8,
	/* More than the head that may come out of them. */
	BLOCK_MOST = HTTP_HEAD_MOST,
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

void two_gate_begin(struct two_gate *gate, unsigned preface)
{
	*gate = (struct two_gate){
		.left = preface,
		.credit = CREDIT_BEGIN,
		.refilled = now(),
	};
}

void two_gate_pay(struct two_gate *gate, unsigned credit)
{
	gate->credit = gate->credit + credit < CREDIT_MOST
			       ? gate->credit + credit
			       : CREDIT_MOST;
}

bool two_gate_charge(struct two_gate *gate, unsigned cost)
{
	if (gate->credit < cost) {
		uint64_t time = now(), passed = time - gate->refilled;

		if (passed >= 1000) {
			gate->refilled = time;
			two_gate_pay(gate, passed < 80000
						   ? (unsigned)passed / 1000 *
							     CREDIT_A_SECOND
						   : CREDIT_MOST);
		}
	}
	if (gate->credit < cost)
		return false;
	gate->credit -= cost;
	return true;
}

/* A frame begins. */
static bool judge(struct two_gate *gate)
{
	const uint8_t *head = gate->head;
	uint8_t type = head[3];

	gate->begun = true;
	gate->left = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
	if (type == FRAME_HEADERS)
		gate->block = 0;
	if (type == FRAME_HEADERS || type == FRAME_CONTINUATION) {
		gate->block += gate->left;
		gate->open = !(head[4] & FLAG_END_HEADERS);
		if (gate->block > BLOCK_MOST)
			return false;
	}
	gate->padded =
		type == FRAME_DATA && gate->left && head[4] & FLAG_PADDED;
	if (type == FRAME_DATA && gate->left)
		return true;
	return two_gate_charge(gate,
			       type == FRAME_RESET ? COST_RESET : COST_FRAME);
}

/* Of a frame that is but padding, all is for nothing. */
static bool judge_padding(struct two_gate *gate, uint8_t padding)
{
	gate->padded = false;
	return gate->left > 1U + padding || two_gate_charge(gate, COST_FRAME);
}

bool two_gate_pass(struct two_gate *gate, const uint8_t *bytes, size_t length)
{
	while (length) {
		size_t part = gate->left < length ? gate->left : length;

		if (gate->padded && !judge_padding(gate, *bytes))
			return false;
		gate->left -= (uint32_t)part;
		bytes += part;
		length -= part;
		if (!length)
			break;
		part = sizeof(gate->head) - gate->got;
		if (part > length)
			part = length;
		memcpy(gate->head + gate->got, bytes, part);
		gate->got += (unsigned)part;
		bytes += part;
		length -= part;
		if (gate->got < sizeof(gate->head))
			break;
		gate->got = 0;
		if (!judge(gate))
			return false;
	}
	return true;
}

bool two_gate_amidst(const struct two_gate *gate)
{
	uint8_t type = gate->head[3];

	return gate->open ||
	       (gate->left && (!gate->begun || type == FRAME_HEADERS ||
			       type == FRAME_CONTINUATION));
}
