/* Elements of DER: an element read, and elements written (asn1.c). */
#ifndef RESUM_TLS_ASN1_H
#define RESUM_TLS_ASN1_H

#include "wire.h"

enum {
  RS_ASN1_INTEGER = 0x02,
  RS_ASN1_OCTETS = 0x04,
  RS_ASN1_UTC_TIME = 0x17,
  RS_ASN1_GENERALIZED_TIME = 0x18,
  RS_ASN1_SEQUENCE = 0x30,
  RS_ASN1_CONTEXT = 0xa0 /* plus the field's number; constructed */
};

/* The next element, as a reader of its content, and its tag; bad where it does not fit. */
rs_reader rs_asn1_read(rs_reader *r, unsigned *tag);
/* The INTEGER in there, of which the lowest 32 bits are kept. */
uint32_t rs_asn1_read_integer(rs_reader outer);

/* Opens an element: its length is written when rs_asn1_close gets the mark returned here. */
size_t rs_asn1_open(rs_writer *w, unsigned tag);
void rs_asn1_close(rs_writer *w, size_t mark);
void rs_asn1_write_integer(rs_writer *w, uint64_t value);
void rs_asn1_write_octets(rs_writer *w, rs_bytes value);

#endif
