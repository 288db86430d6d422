package document

import (
	"unicode/utf8"

	"parley/statemachine/state"
)

// contentOf puts together the content of a revision: it follows the bases to one that is whole, and comes back.
func contentOf(s *state.State, id state.DocID, version uint64) (content []byte, ok bool) {
	var way []state.DocRevision
	for {
		r, there := s.DocRevision(id, version)
		if !there || r.Base >= version {
			return nil, false
		}
		if r.Base == 0 {
			content = r.Delta
			break
		}
		way = append(way, r)
		version = r.Base
	}
	var spare []byte // two buffers take turns
	for i := len(way) - 1; i >= 0; i-- {
		next, ok := applyDelta(spare, content, way[i].Delta, s.Limits.DocumentBytesMax)
		if !ok {
			return nil, false
		}
		content, spare = next, content
	}
	return content, true
}

// refuseContent refuses what is no document's content.
func refuseContent(l *state.Limits, content []byte) *state.Refusal {
	switch {
	case len(content) > l.DocumentBytesMax:
		return RefuseTooLarge(l, len(content))
	case !utf8.Valid(content):
		return state.Invalidf("content", "CONTENT_NOT_UTF8", "The content is not UTF-8.")
	}
	return nil
}

// RefuseTooLarge refuses a content of so many bytes.
func RefuseTooLarge(l *state.Limits, size int) *state.Refusal {
	return state.Invalidf("content", "DOCUMENT_TOO_LARGE", "The content has %d bytes; a document may have %d.", size, l.DocumentBytesMax)
}

// keep decides how a content is kept, as what differs from a base or whole, and refuses one revision more than there
// may be. It writes nothing. The sum of the content is in r.
func keep(t *state.Txn, d *state.Document, r *state.DocRevision, content, delta []byte, base uint64) *state.Refusal {
	r.Position, r.Time, r.Wall, r.Author = t.At.Position, t.At.Time, t.Wall, t.User.ID
	r.Size = uint64(len(content))
	r.Base, r.Depth, r.Work, r.Delta = 0, 0, r.Size, content
	if b, ok := t.DocRevision(d.ID, base); ok && len(delta) < len(content) &&
		b.Depth < t.Limits.DeltasMax && b.Work+r.Size <= t.Limits.DeltaWorkBytesMax {
		r.Base, r.Depth, r.Work, r.Delta = base, b.Depth+1, b.Work+r.Size, delta
	}
	switch used := t.DocUsage(d.Author).Bytes; {
	case d.Version >= t.Limits.RevisionsMax:
		return state.Refusef(state.Exhausted, "REVISIONS_FULL", "The document has as many revisions as one may have (%d).", t.Limits.RevisionsMax)
	case used+uint64(len(r.Delta)) > t.Limits.DocumentQuotaBytes:
		return state.Refusef(state.Exhausted, "QUOTA_EXCEEDED", "The documents of %s take %d bytes, and more than %d they may not.", t.NameOf(d.Author), used, t.Limits.DocumentQuotaBytes)
	}
	return nil
}
