/* What a raw resumption takes in (flow.c). */
#ifndef RESUM_TLS_FLOW_H
#define RESUM_TLS_FLOW_H

#include "machine.h"

/* Takes in what the peer sent, as far as it goes. */
void rs_probe_feed(rs_probe *p, rs_bytes bytes);
void rs_probe_end_of_stream(rs_probe *p);

#endif
