package statemachine

import (
	"encoding/binary"

	"parley/raft/node"
	"parley/statemachine/state"
)

var _ node.Herald = (*Machine)(nil)

// AppendNotice appends a notice's bytes: what Notice reads.
//
//	u8 version=2 | head | notice
func AppendNotice(dst []byte, h state.Head, n *state.Notice) []byte {
	return state.Append(state.Append(append(dst, bodyVersion), &h), n)
}

// Notice returns what streams show of a notice, as an event is shown, and whom it concerns: nobody if whoever says it is
// not logged in, or may not write there.
func (m *Machine) Notice(notice []byte) (body []byte, audience string, ok bool) {
	var head state.Head
	var n state.Notice
	if len(notice) == 0 || notice[0] != bodyVersion || state.Decode(notice[1:], &both{&head, &n}) != nil {
		return nil, "", false
	}
	v := &state.View{State: m.State}
	var refusal *state.Refusal
	if v.User, v.Login, refusal = m.Authenticate(&head); refusal != nil {
		return nil, "", false
	}
	e, refusal := v.Notice(&n)
	if refusal != nil || e.Audience == (state.Audience{}) {
		return nil, "", false
	}
	body = state.Append(append(make([]byte, 4, 128), bodyVersion), m.Show(&e))
	binary.LittleEndian.PutUint32(body, uint32(len(body)-4))
	return body, e.Audience.Word(), true
}
