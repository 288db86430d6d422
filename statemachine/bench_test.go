package statemachine_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine"
	"parley/statemachine/chat"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// text128 is what most people write: two lines.
var text128 = strings.Repeat("some words ", 11) + "and more"

// sender sends to one of some channels after the other.
type sender struct {
	w        *teamtest.World
	a        teamtest.Actor
	channels int
	at       node.Applied
}

func newSender(b *testing.B, channels int) *sender {
	w, _ := teamtest.New(b, state.DefaultLimits())
	s := &sender{w: w, a: w.User("ann"), channels: channels}
	for i := range channels {
		w.Must(s.a, &chat.CreateChannel{Name: fmt.Sprint("channel-", i), Join: state.JoinOpen}, nil)
	}
	s.at = w.Entry(s.a)
	return s
}

func (s *sender) send(b *testing.B, text string) {
	s.at.Position++
	s.at.Time++
	place := fmt.Sprint("#channel-", int(s.at.Position)%s.channels)
	command := statemachine.AppendCommand(nil, s.a.Head, &chat.Send{Place: place, Text: text})
	if reply := s.w.M.Apply(s.at, command); state.Code(reply[1]) != state.OK {
		b.Fatal(state.DecodeReply(reply, nil))
	}
}

func BenchmarkSend(b *testing.B) {
	s := newSender(b, 10)
	b.ReportAllocs()
	for b.Loop() {
		s.send(b, text128)
	}
}

func BenchmarkHistoryOfTwenty(b *testing.B) {
	s := newSender(b, 10)
	for range 1000 {
		s.send(b, text128)
	}
	query := statemachine.AppendQuery(nil, s.a.Head, &chat.History{Place: "#channel-1"})
	b.ReportAllocs()
	for b.Loop() {
		s.w.M.Query(query)
	}
}

// BenchmarkAMillionMessages measures a message's memory in 1,000 channels, and a search that finds nothing: it looks at as
// many messages as one may.
func BenchmarkAMillionMessages(b *testing.B) {
	var before, after runtime.MemStats
	s := newSender(b, 1000)
	runtime.GC()
	runtime.ReadMemStats(&before)
	const messages = 1_000_000
	for range messages {
		s.send(b, text128)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Run("search", func(b *testing.B) {
		query := statemachine.AppendQuery(nil, s.a.Head, &chat.Search{Text: "nothing of it"})
		b.ReportAllocs()
		for b.Loop() {
			s.w.M.Query(query)
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/messages, "bytes/message")
	})
	b.Run("history", func(b *testing.B) {
		query := statemachine.AppendQuery(nil, s.a.Head, &chat.History{Place: "#channel-1", Before: raft.Position(messages / 2)})
		for b.Loop() {
			s.w.M.Query(query)
		}
	})
	b.Run("channels", func(b *testing.B) {
		query := statemachine.AppendQuery(nil, s.a.Head, &chat.Channels{})
		for b.Loop() {
			s.w.M.Query(query)
		}
	})
}
