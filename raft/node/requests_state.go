package node

import (
	"encoding/binary"
	"errors"
	"fmt"

	"parley/raft"
)

// The request table as bytes, for snapshots. Equal tables have equal bytes on every
// node: records stand in the order of their execution, first those of named principals, then
// those of the empty one. Integers are little-endian.
//
//	0      version (1)
//	1..4   number of records
//	then for each
//	       position 8, log time 8, digest 16
//	       principal, id, reply: each length 4, bytes
const requestsVersion = 1

// requestLeast is the size of the smallest record, which bounds what a count may claim.
const requestLeast = 8 + 8 + 16 + 3*4

// errRequests is what bytes are that no node wrote.
var errRequests = errors.New("request table: malformed bytes")

// appendRequests appends the table to dst.
func appendRequests(dst []byte, r *requests) []byte {
	le := binary.LittleEndian
	dst = append(dst, requestsVersion)
	dst = le.AppendUint32(dst, uint32(r.used))
	text := func(length int) { dst = le.AppendUint32(dst, uint32(length)) }
	for e := range r.each {
		dst = le.AppendUint64(dst, uint64(e.position))
		dst = le.AppendUint64(dst, uint64(e.time))
		dst = append(dst, e.digest[:]...)
		text(len(e.principal))
		dst = append(dst, e.principal...)
		text(len(e.id))
		dst = append(dst, e.id...)
		text(len(e.reply))
		dst = append(dst, e.reply...)
	}
	return dst
}

// readRequests reads a table off the front of src and returns the bytes behind it. Any bytes are
// safe: what it accepts keeps every bound and rule of the table, and takes
// no more memory than the bytes themselves.
func readRequests(src []byte, rules Rules) (r requests, rest []byte, err error) {
	le := binary.LittleEndian
	if len(src) < 5 || src[0] != requestsVersion {
		return requests{}, nil, fmt.Errorf("%w: no version %d", errRequests, requestsVersion)
	}
	count := uint64(le.Uint32(src[1:]))
	src = src[5:]
	if count > uint64(len(src))/requestLeast || count > uint64(rules.RequestsMax) {
		return requests{}, nil, fmt.Errorf("%w: %d records in %d bytes", errRequests, count, len(src))
	}
	r = newRequests(rules)
	for i := range count {
		var e request
		if e, src, err = readRequest(src); err != nil {
			return requests{}, nil, fmt.Errorf("%w: record %d of %d", err, i, count)
		}
		if err := r.accepts(&e); err != nil {
			return requests{}, nil, fmt.Errorf("%w: record %d of %d", err, i, count)
		}
		r.remember(e)
	}
	return r, src, nil
}

func readRequest(src []byte) (e request, rest []byte, err error) {
	le := binary.LittleEndian
	if len(src) < requestLeast {
		return e, nil, errRequests
	}
	e.position = raft.Position(le.Uint64(src))
	e.time = raft.LogTime(le.Uint64(src[8:]))
	copy(e.digest[:], src[16:])
	src = src[32:]
	var texts [3][]byte
	for i := range texts {
		if len(src) < 4 || uint64(len(src)-4) < uint64(le.Uint32(src)) {
			return e, nil, errRequests
		}
		end := 4 + int(le.Uint32(src))
		texts[i], src = src[4:end], src[end:]
	}
	e.principal, e.id = string(texts[0]), string(texts[1])
	if len(texts[2]) > 0 {
		e.reply = append([]byte(nil), texts[2]...)
	}
	return e, src, nil
}

// accepts says what keeps a record from standing behind those already in the table.
func (r *requests) accepts(e *request) error {
	most := r.rules.RequestsPerPrincipalMax
	if e.principal == "" {
		most = r.rules.AnonymousRequestsMax
	}
	_, known := r.byID[requestKey{e.principal, e.id}]
	newest := r.kind(e.principal).newest
	o := r.owners[e.principal]
	switch {
	case e.id == "" || len(e.id) > r.rules.RequestIDBytesMax || len(e.principal) > r.rules.PrincipalBytesMax,
		known,
		o != nil && o.count >= most,
		r.bytes > r.rules.RequestBytesMax,
		e.principal != "" && r.anonymous.newest != none,
		newest != none && (e.position <= r.slots[newest].position || e.time < r.slots[newest].time):
		return errRequests
	}
	return nil
}
