package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// load is writers of whom every single message must be taken: what is refused or unknown for longer than a client tries
// is lost to whoever wrote it.
type load struct {
	t      *testing.T
	quit   chan struct{}
	sent   chan []string
	n      int
	failed atomic.Int64
	took   durations // of each message
}

// writersMany is a team at its keyboards.
const writersMany = 32

// startLoad has one person write, startCrowd many at once, each with a connection of his own.
func startLoad(t *testing.T, clients string) *load { return startCrowd(t, clients, 1) }

func startCrowd(t *testing.T, clients string, n int) *load {
	l := &load{t: t, quit: make(chan struct{}), sent: make(chan []string, n), n: n}
	crowd := crowds.Add(1)
	for i := range n {
		c := asAlice(t, strings.Split(clients, ",")...)
		go func() { l.sent <- l.write(c, fmt.Sprintf("w%d.%dm", crowd, i)) }()
	}
	require.Eventually(t, func() bool { return l.took.count() >= n }, waitMax, testStep) // what comes now comes under load
	return l
}

// crowds tells writers apart who write to the same place one crowd after the other.
var crowds atomic.Int64

// write sends messages until the end, and returns those that were acknowledged.
func (l *load) write(c *client.Client, prefix string) (acknowledged []string) {
	for i := 0; ; i++ {
		select {
		case <-l.quit:
			return acknowledged
		case <-l.t.Context().Done(): // the test has failed elsewhere
			return acknowledged
		case <-time.After(time.Duration(2*l.n) * time.Millisecond): // together 500 a second at most
		}
		text, began := prefix+strconv.Itoa(i), time.Now()
		if _, err := c.Send(l.t.Context(), "general", text); err != nil {
			if l.t.Context().Err() == nil {
				l.t.Logf("%s: %v", text, err)
				l.failed.Add(1)
			}
			continue
		}
		acknowledged = append(acknowledged, text)
		l.took.add(time.Since(began))
	}
}

// end stops the writers and looks whether all that was taken is there, once, and each writer's in the order of its writing.
func (l *load) end(clients string) {
	l.t.Helper()
	close(l.quit)
	of := map[string][]string{}
	for range l.n {
		acknowledged := <-l.sent
		require.NotEmpty(l.t, acknowledged)
		writer, _, _ := strings.Cut(acknowledged[0], "m")
		of[writer] = acknowledged
	}
	require.Zero(l.t, l.failed.Load(), "no message is refused")
	got := map[string][]string{}
	for _, text := range allTexts(l.t, clients) {
		writer, _, _ := strings.Cut(text, "m")
		got[writer] = append(got[writer], text)
	}
	for writer, acknowledged := range of {
		require.Equal(l.t, acknowledged, got[writer])
	}
	l.t.Logf("messages of %d writers: %v", l.n, &l.took)
}

// allTexts returns the messages of #general, however many.
func allTexts(t *testing.T, clients string) (all []string) {
	t.Helper()
	c := asAlice(t, strings.Split(clients, ",")...)
	for after, more := uint64(0), true; more; {
		page, err := c.History(t.Context(), &pb.HistoryRequest{Place: "general", After: &after, Limit: 1000})
		require.NoError(t, err)
		for _, m := range page.GetMessages() {
			all = append(all, m.GetText())
			after = m.GetPosition()
		}
		more = page.GetMore()
	}
	return all
}

// durations are how long things took that several goroutines did.
type durations struct {
	mu  sync.Mutex
	all []time.Duration
}

func (d *durations) add(took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, took)
}

func (d *durations) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.all)
}

// String is how they are distributed, in the words of docs/operations.md.
func (d *durations) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.Sort(d.all)
	at := func(share float64) time.Duration {
		return d.all[int(share*float64(len(d.all)-1))].Round(100 * time.Microsecond)
	}
	if len(d.all) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d; p50 %v, p99 %v, p99.9 %v, the slowest %v", len(d.all), at(0.5), at(0.99), at(0.999), at(1))
}
