package tracing

import (
	"encoding/binary"

	"go.opentelemetry.io/otel/trace"

	"parley/raft"
)

// An aside is what a leader tells its followers beside the protocol: which entries belong to which traces. Integers are
// little-endian.
//
//	0      version (1)
//	1..    for each entry: trace id 16, span id of raft.entry 8, term 8, index 8
//
// What can't be read is dropped.
const (
	asideVersion = 1
	linkBytes    = 16 + 8 + 8 + 8
	// linksMax bounds the entries of one aside: more than a Step appends of traced ones, nearly always.
	linksMax = 1024
)

// link says which trace an entry belongs to.
type link struct {
	parent trace.SpanContext // raft.entry, on the leader
	term   raft.Term
	index  raft.Index
}

func appendLink(dst []byte, l link) []byte {
	if len(dst) == 0 {
		dst = append(dst, asideVersion)
	}
	t, s := l.parent.TraceID(), l.parent.SpanID()
	dst = append(append(dst, t[:]...), s[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(l.term))
	return binary.LittleEndian.AppendUint64(dst, uint64(l.index))
}

// decodeLinks reads an aside.
func decodeLinks(b []byte) []link {
	if len(b) == 0 || b[0] != asideVersion || (len(b)-1)%linkBytes != 0 || len(b)/linkBytes > linksMax {
		return nil
	}
	var links []link
	for b = b[1:]; len(b) > 0; b = b[linkBytes:] {
		links = append(links, link{
			parent: trace.NewSpanContext(trace.SpanContextConfig{
				TraceID: trace.TraceID(b[:16]), SpanID: trace.SpanID(b[16:24]), TraceFlags: trace.FlagsSampled, Remote: true,
			}),
			term:  raft.Term(binary.LittleEndian.Uint64(b[24:])),
			index: raft.Index(binary.LittleEndian.Uint64(b[32:])),
		})
	}
	return links
}
