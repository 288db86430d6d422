package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft/node"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/chat"
	"parley/statemachine/state"
)

// teller is a log with the notice that was told last.
type teller struct {
	*teamLog
	told []byte
}

// writes has a user's process say that he writes in a place, and sends what the state machine makes of it to a stream. What
// the state machine would tell nobody is sent as it was told before.
func (l *teller) writes(s *subscriber, who, place string) {
	head := l.heads[who]
	n := state.Notice{Kind: state.EventTyping, Of: place}
	l.w.team.said = append(l.w.team.said, saidNotice{head, n})
	body, _, ok := l.m.Notice(statemachine.AppendNotice(nil, head, &n))
	if !ok {
		body = l.told
	}
	l.told = body
	l.w.judgePushed(l.w.node(1), &node.Frame{Ticket: s.stream, Position: l.at.Position, Body: body, Notice: true})
}

// What is at stake: a word about the moment that a stream shows to somebody who may not read there.
func TestTheJudgesSpeakOfNoticesThatAreForOthers(t *testing.T) {
	for _, c := range []struct {
		name, want string
		do         func(l *teller)
	}{
		{"members hear of each other", "", func(l *teller) {
			l.secret()
			l.does("alice", &chat.AddMember{Of: chat.Of{Place: "#secret", User: "bob"}})
			s := l.listens("bob")
			l.writes(s, "alice", "#secret")
			l.writes(s, "alice", "#general")
		}},
		{"others do not", Secrecy, func(l *teller) {
			l.secret()
			l.writes(l.listens("bob"), "alice", "#secret")
		}},
		{"who was removed does not", Secrecy, func(l *teller) {
			l.secret()
			l.does("alice", &chat.AddMember{Of: chat.Of{Place: "#secret", User: "bob"}})
			s := l.listens("bob")
			l.writes(s, "alice", "#secret")
			l.does("alice", &chat.RemoveMember{Of: chat.Of{Place: "#secret", User: "bob"}})
			l.writes(s, "alice", "#secret")
		}},
		{"who may not write there says nothing", Secrecy, func(l *teller) {
			l.does("alice", &chat.Archive{Place: "#tech"})
			s := l.listens("bob")
			l.writes(s, "alice", "#general")
			l.writes(s, "alice", "#tech")
			l.w.team.said = l.w.team.said[1:]
			l.writes(s, "alice", "#tech")
		}},
		{"a login that has ended says nothing", Secrecy, func(l *teller) {
			s := l.listens("bob")
			l.writes(s, "alice", "#general")
			head := l.heads["alice"]
			l.does("alice", &account.LogOut{})
			l.w.team.said = []saidNotice{{head, state.Notice{Kind: state.EventTyping, Of: "#general"}}}
			l.w.judgePushed(l.w.node(1), &node.Frame{Ticket: s.stream, Position: l.at.Position, Body: l.told, Notice: true})
		}},
		{"nobody has said it", Secrecy, func(l *teller) {
			s := l.listens("bob")
			l.w.judgePushed(l.w.node(1), &node.Frame{Ticket: s.stream, Position: l.at.Position, Body: []byte{1, 0, 0, 0, 2}, Notice: true})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &teller{teamLog: newTeamLog(t)}
			c.do(l)
			if c.want == "" {
				require.Nil(t, l.w.violation)
				return
			}
			require.NotNil(t, l.w.violation)
			require.Equal(t, c.want, l.w.violation.Invariant, l.w.violation.Reason)
		})
	}
}
