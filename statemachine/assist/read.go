package assist

import (
	"math"
	"slices"
	"strings"

	"parley/statemachine/document"
	"parley/statemachine/state"
)

// The kinds of the commands and queries of this package. They are in logs; they never change.
const (
	kindConsult     = 160
	kindSetExternal = 161
	kindNameBackend = 162

	kindTalk   = 160
	kindDraft  = 161
	kindPolicy = 162
)

// Talk asks for the last messages of a place, for a model to read on behalf of the caller.
type Talk struct {
	Place string // empty: of none, by somebody who asks a model about nothing that was said
	Limit uint64 // how many messages
}

// Kind is the query's number.
func (*Talk) Kind() uint8 { return kindTalk }

// Code passes the fields.
func (q *Talk) Code(c *state.Coder) {
	c.String(&q.Place)
	state.Number(c, &q.Limit)
}

// Said is a message as a model sees it.
type Said struct {
	Speaker string
	Text    string
}

// Reading answers Talk.
type Reading struct {
	Called   string // the place, as the caller calls it
	Said     []Said // oldest first
	External string // the external backend that may get it; empty: none
}

// Code passes the fields.
func (r *Reading) Code(c *state.Coder) {
	c.String(&r.Called)
	state.List(c, &r.Said, func(c *state.Coder, s *Said) {
		c.String(&s.Speaker)
		c.String(&s.Text)
	})
	c.String(&r.External)
}

// Answer reads. Messages that were deleted, or never had a text, are passed over.
func (q *Talk) Answer(v *state.View) (state.Coded, *state.Refusal) {
	if q.Place == "" {
		return &Reading{External: v.ExternalBackend()}, nil
	}
	target, refusal := place(v, q.Place)
	if refusal != nil {
		return nil, refusal
	}
	if target.Begin != 0 {
		return &Reading{Called: "@" + v.NameOf(target.Begin)}, nil
	}
	p := &target.Place
	r := &Reading{Called: v.Called(p), External: v.ExternalForPlace(p)}
	limit, room, looked := int(min(q.Limit, uint64(v.Limits.HistoryMax))), v.Limits.HistoryBytesMax, 0
	v.PostsBackFrom(p.ID, math.MaxUint64, func(post *state.Post) bool {
		if looked++; len(r.Said) == limit || looked > v.Limits.HistoryMax {
			return false
		}
		if room -= len(post.Text); room < 0 {
			return false
		}
		if !post.Gone() && strings.TrimSpace(post.Text) != "" {
			r.Said = append(r.Said, Said{v.NameOf(post.Sender), post.Text})
		}
		return true
	})
	slices.Reverse(r.Said)
	return r, nil
}

// place returns a place whose messages the caller may show to a model.
func place(v *state.View, ref string) (state.Target, *state.Refusal) {
	target, refusal := v.Target(state.ToRead, ref)
	if refusal == nil && target.Begin == 0 && target.Place.NoAI {
		refusal = refuseOff(v.Called(&target.Place))
	}
	return target, refusal
}

func refuseOff(what string) *state.Refusal {
	return state.Refusef(state.Precondition, "AI_OFF", "No model may read %s: whoever looks after it says so.", what)
}

// Draft asks for a document, for a model to read on behalf of the caller.
type Draft struct{ ID string }

// Kind is the query's number.
func (*Draft) Kind() uint8 { return kindDraft }

// Code passes the fields.
func (q *Draft) Code(c *state.Coder) { c.String(&q.ID) }

// Paper answers Draft.
type Paper struct {
	ID       state.DocID
	Version  uint64
	Content  []byte
	External string // as in Reading
}

// Code passes the fields.
func (p *Paper) Code(c *state.Coder) {
	state.Number(c, &p.ID)
	state.Number(c, &p.Version)
	c.Bytes(&p.Content)
	c.String(&p.External)
}

// Answer reads.
func (q *Draft) Answer(v *state.View) (state.Coded, *state.Refusal) {
	if _, refusal := paper(v, q.ID); refusal != nil {
		return nil, refusal
	}
	answer, refusal := (&document.Show{ID: q.ID}).Answer(v)
	if refusal != nil {
		return nil, refusal
	}
	shown := answer.(*document.Content)
	id := shown.Item.Document.ID
	return &Paper{ID: id, Version: shown.Revision.Version, Content: shown.Content, External: v.ExternalForDoc(id)}, nil
}

// paper returns a document that the caller may show to a model.
func paper(v *state.View, ref string) (state.DocAccess, *state.Refusal) {
	a, refusal := v.MayDoc(state.ToReadDoc, ref)
	if refusal == nil && a.NoAI {
		refusal = refuseOff("the document " + a.ID.String())
	}
	return a, refusal
}
