/* A body that passes for the most part as it came: slices of it with small texts between them, and members that are cut out of it.
 * Nothing of it is copied. Inside dialect/ only. */
#ifndef SLUICE_DIALECT_PIECES_H
#define SLUICE_DIALECT_PIECES_H

#include "dialect/dialect.h"

struct body_cut {
    size_t from, to; /* bytes of the body */
};

/* v has room for one more slice; without bytes there is none. */
void piece_add(struct iovec *v, struct body_pieces *out, struct sl_str bytes);

/* Puts a member into a list by its place in the object; one that is absent is left out. Gives how many the list then has. */
unsigned cut_add(const struct json_member **list, unsigned n, const struct json_member *m);

/* One comma goes with a member: the one before it, when a member that stays is before it, else the one behind. first: only members
 * that are cut, too, are before it: in a list of cut_add's, m->index is its place there. */
struct body_cut cut_of(const struct json_member *m, bool first);

/* What our own members of a request are cut out by, in their order; gives how many there are. */
unsigned cuts_of_ours(const struct request_facts *f, struct body_cut out[RM_OURS]);

#endif
