package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft/node"
	"parley/statemachine/account"
	"parley/statemachine/chat"
	"parley/statemachine/state"
)

// newForgetfulLog is a log of a team that keeps everything for 80 ms, of which each entry takes 1.
func newForgetfulLog(t *testing.T) *teamLog {
	l := newTeamLogOf(t, TeamPlan{Users: 3, Keep: 80 * time.Millisecond, Sweep: 5 * time.Millisecond})
	l.does("alice", &account.SetRetention{SetMessages: true, SetFiles: true, SetEvents: true,
		To: state.Retention{Messages: 80 * time.Millisecond, Files: 80 * time.Millisecond, Events: 80 * time.Millisecond}})
	return l
}

// says has somebody say something that is answered to and reacted to, and returns it.
func (l *teamLog) says(who string) state.MessageID {
	l.does(who, &chat.Send{Place: "#general", Text: "alpha @bob"})
	id := state.MessageID{Place: state.General, Position: l.at.Position}
	l.does(who, &chat.Edit{ID: id.String(), Text: "beta @bob"})
	l.does("bob", &chat.React{ID: id.String(), Emoji: "ok"})
	l.does("bob", &chat.Send{Place: "#general", Text: "gamma", ReplyTo: id.String()})
	return id
}

// waits lets entries come that do nothing, for so long.
func (l *teamLog) waits(d time.Duration) {
	for end := l.at.Time.Add(d); l.at.Time < end; {
		l.entry()
	}
}

func (l *teamLog) unread(who string) uint64 {
	var ch chat.Channel
	require.NoError(l.t, state.DecodeReply(l.asks(who, l.at.Position, &chat.ChannelOf{Place: "#general"}), &ch))
	return ch.Unread
}

// At stake: a judge that takes everything that goes for too old, or nothing.
func TestTheJudgesOfWhatIsTooOldSpeakWhenTheyMust(t *testing.T) {
	l := newForgetfulLog(t)
	id := l.says("alice")
	require.EqualValues(t, 2, l.unread("charlie"))
	l.waits(70 * time.Millisecond)
	require.EqualValues(t, 2, l.unread("charlie"))
	l.waits(30 * time.Millisecond)
	require.Zero(t, l.unread("charlie"))
	l.asks("bob", l.at.Position, &chat.History{Place: "#general"})
	l.asks("bob", l.at.Position, &chat.GetMessage{ID: id.String()})
	l.does("bob", &chat.Send{Place: "#general", Text: "delta", ReplyTo: id.String()})
	require.Nil(t, l.w.violation)
	require.NotZero(t, l.w.droppedAt(l.at.Position))
	require.Less(t, l.w.droppedAt(l.at.Position), l.at.Position)

	for _, c := range []struct {
		name, want string
		wrong      func(l *teamLog, id state.MessageID)
	}{
		{"a message goes that is not too old", Team, func(l *teamLog, id state.MessageID) {
			post, _ := l.m.Post(id)
			l.m.DropPost(&post)
			l.entry()
		}},
		{"a message that was too old is there again", Team, func(l *teamLog, id state.MessageID) {
			post, _ := l.m.Post(id)
			l.waits(100 * time.Millisecond)
			l.m.PutPost(&post)
			l.m.SetRetention(l.at.Time, state.Retention{})
			l.entry()
		}},
		{"what was too old is unread", Team, func(l *teamLog, id state.MessageID) {
			post, _ := l.m.Post(id)
			l.waits(100 * time.Millisecond)
			l.m.PutPost(&post)
			l.unread("charlie")
		}},
		{"a message is shown that was too old", Secrecy, func(l *teamLog, id state.MessageID) {
			post, _ := l.m.Post(id)
			l.waits(100 * time.Millisecond)
			l.m.PutPost(&post)
			l.asks("bob", l.at.Position, &chat.History{Place: "#general"})
		}},
		{"an event goes that is not too old", Team, func(l *teamLog, _ state.MessageID) {
			first, _, _ := l.m.First(state.TableEvents)
			l.m.Remove(state.TableEvents, first)
			l.entry()
		}},
		{"a stream that has everything is told that it missed something", Streams, func(l *teamLog, _ state.MessageID) {
			s := l.listens("bob")
			l.waits(100 * time.Millisecond)
			s.from = l.w.droppedAt(l.at.Position)
			s.compacted(l.at.Position)
		}},
		{"a stream is not told that it missed something", Streams, func(l *teamLog, _ state.MessageID) {
			s := l.listens("bob")
			s.from = l.at.Position
			l.says("alice")
			l.waits(200 * time.Millisecond)
			l.does("alice", &chat.Send{Place: "#general", Text: "next"})
			frames, _ := l.m.EventsAfter(l.at.Position-1, 1)
			s.judgeArrived(frameTo(s, &frames[0]), l.at.Position)
		}},
		{"somebody is sent an event that was too old", Streams, func(l *teamLog, id state.MessageID) {
			s := l.listens("bob")
			frames, _ := l.m.EventsAfter(id.Position-1, 1)
			l.waits(200 * time.Millisecond)
			l.w.judgePushed(l.w.node(1), frameTo(s, &frames[0]))
		}},
	} {
		l := newForgetfulLog(t)
		id := l.says("alice")
		require.Nil(t, l.w.violation, c.name)
		c.wrong(l, id)
		require.NotNil(t, l.w.violation, c.name)
		require.Equal(t, c.want, l.w.violation.Invariant, "%s: %v", c.name, l.w.violation)
	}
}

// frameTo is a whole frame on its way to a stream.
func frameTo(s *subscriber, f *node.EventFrame) *node.Frame {
	return &node.Frame{Ticket: s.stream, Position: f.Position, Body: f.Body}
}
