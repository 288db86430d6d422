package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/llm"
	"parley/llm/scripted"
	"parley/rpc/answer"
	pb "parley/rpc/proto/parley/v1"
)

// What 20 people who write notice of a model that makes trouble while two others ask it, ten times a second each if it answers: a
// stretch of six seconds for every kind of trouble and one for none, in an order that is drawn anew for each round. A file system
// that commits every five seconds has its turn in each of them. Fast is as fast as the 20 can, each with one
// message at a time; paced is ten messages a second of each.
//
// A text that does not come before its caller's deadline, or without a mark where no model made it, ends the
// benchmark, and so does another leader. The nodes, the model's server and whoever writes are in one process.
//
//	go test ./rpc/server -run xxx -bench SendsBesideAModel/paced -benchtime 5x -timeout 20m
func BenchmarkSendsBesideAModel(b *testing.B) {
	b.Run("paced", func(b *testing.B) { sendsBesideAModel(b, 100*time.Millisecond) })
	b.Run("fast", func(b *testing.B) { sendsBesideAModel(b, 0) })
}

const (
	besideStretch = 6 * time.Second
	besideSenders = 20
	besideAskers  = 2
	// asksEvery is far more often than the limit of a user lets him.
	asksEvery = 100 * time.Millisecond
	// patience is the deadline of one who asks.
	patience = 500 * time.Millisecond
)

// beside is a kind of model, and what its answers are marked with.
type beside struct {
	name     string
	provider llm.Provider // nil: nobody serves
	asked    bool
	source   string
}

// moody is a model that is exchanged under its server.
type moody struct {
	llm.Provider
	now atomic.Pointer[llm.Provider]
}

func (m *moody) Generate(ctx context.Context, r llm.Request, emit func(string) error) (llm.Result, error) {
	return (*m.now.Load()).Generate(ctx, r, emit)
}

// Close lets the models live: each is served again, by another server.
func (m *moody) Close() error { return nil }

func sendsBesideAModel(b *testing.B, every time.Duration) {
	answers := scripted.New()
	kinds := []beside{
		{name: "alone", provider: answers},
		{name: "answering", provider: answers, asked: true, source: "scripted"},
		{name: "killed", asked: true, source: answer.Offline},
		{name: "hung", provider: scripted.New(scripted.Step{Hang: true}), asked: true, source: answer.Offline},
		{name: "garbage", provider: scripted.New(scripted.Step{Pieces: []string{"\n"}}), asked: true, source: answer.Offline},
	}
	mood := &moody{Provider: answers}
	model := serveModel(b, "127.0.0.1:0", mood)
	cfg := governed()
	cfg.Rates = Rates{Asks: 1 << 20}
	cfg.Assistant = answer.Config{Addr: model.addr, Secret: modelSecret}
	c := startCluster(b, 3, cfg)
	var writers []*writer
	for i := range besideSenders {
		writers = append(writers, newWriter(b, c.signUp(fmt.Sprintf("user%d", i))))
	}
	for range summaryMax { // there is something to read from the first on
		require.NoError(b, writers[0].send())
	}
	var askers []*user
	for i := range besideAskers {
		askers = append(askers, c.signUp(fmt.Sprintf("asker%d", i)))
	}
	leader := c.leader()
	term := c.hosts[leader].Status().Term
	p50, p99 := map[string][]time.Duration{}, map[string][]time.Duration{}
	for b.Loop() {
		for _, i := range rand.Perm(len(kinds)) {
			k := kinds[i]
			model.stop()
			if k.provider != nil {
				mood.now.Store(&k.provider)
				model = serveModel(b, model.addr, mood)
			}
			until(b, writers[0], askers[0], k)
			took := sendsFor(b, writers, askers, k, every)
			p50[k.name], p99[k.name] = append(p50[k.name], took[len(took)/2]), append(p99[k.name], took[len(took)*99/100])
			b.Logf("%s: %d sends, p50 %v p99 %v", k.name, len(took), took[len(took)/2], took[len(took)*99/100])
			s := c.hosts[leader].Status()
			require.Equal(b, term, s.Term, "an election, with a model that is %s", k.name)
		}
	}
	for _, k := range kinds {
		b.ReportMetric(float64(middle(p50[k.name]).Microseconds()), k.name+"-p50-µs")
		b.ReportMetric(float64(middle(p99[k.name]).Microseconds()), k.name+"-p99-µs")
	}
}

func middle(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// until waits until answers are from where they are to be from: a node asks a server that did not answer only after a
// while again. Each time something was written before, since an answer to the same as before need not be made.
func until(b *testing.B, w *writer, asker *user, k beside) {
	var r *pb.SummarizeResponse
	var err error
	for range 200 {
		require.NoError(b, w.send())
		if r, err = asker.summary(); !k.asked || err == nil && r.GetOrigin().GetSource() == k.source {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	require.FailNow(b, "answers are not as they are to be", "not from %s but %v, %v", k.source, r.GetOrigin(), err)
}

// summary asks for one, with little patience.
func (u *user) summary() (*pb.SummarizeResponse, error) {
	ctx, cancel := u.within(patience)
	defer cancel()
	return u.assistant().Summarize(ctx, &pb.SummarizeRequest{Place: "general"})
}

// writer is somebody who writes in a client session.
type writer struct {
	*user
	chat    pb.ChatServiceClient
	ctx     context.Context
	session uint64
	seq     uint64
}

func newWriter(b *testing.B, u *user) *writer {
	w := &writer{user: u, chat: u.chat(), ctx: u.ctx()}
	r, err := u.session().Open(w.ctx, &pb.OpenRequest{Nonce: 1 + rand.Uint64N(1<<62)})
	require.NoError(b, err)
	w.session = r.GetSession()
	return w
}

// send sends one message.
func (w *writer) send() error {
	w.seq++
	_, err := w.chat.Send(w.ctx, &pb.SendRequest{Command: &pb.CommandContext{Session: w.session, Seq: w.seq, AckedBelow: w.seq},
		Place: "general", Text: "a message of some length, as people write it"})
	return err
}

// sends sends until the time is over, as often as it is told or as fast as it can, and returns how long each message took. What is due
// while another one is under way takes its time from then on.
func (w *writer) sends(b *testing.B, over time.Time, every time.Duration) (took []time.Duration) {
	for due := time.Now().Add(rand.N(max(every, 1))); due.Before(over); due = due.Add(every) {
		began := time.Now()
		switch {
		case every == 0:
			due = began
		case began.Before(due):
			time.Sleep(time.Until(due))
			began = time.Now() // that a timer is late is not the cluster's doing
		default:
			began = due
		}
		if err := w.send(); err != nil {
			b.Error(err)
			return took
		}
		took = append(took, time.Since(began))
	}
	return took
}

// sendsFor has the writers write for a stretch, while others ask the model unless nobody does. It returns how long each message took,
// the shortest first.
func sendsFor(b *testing.B, writers []*writer, askers []*user, k beside, every time.Duration) (all []time.Duration) {
	over := time.Now().Add(besideStretch)
	var mu sync.Mutex
	var work sync.WaitGroup
	for _, w := range writers {
		work.Go(func() {
			took := w.sends(b, over, every)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	for _, u := range askers {
		work.Go(func() {
			for k.asked && time.Now().Before(over) {
				next := time.Now().Add(asksEvery)
				r, err := u.summary()
				origin := r.GetOrigin()
				if err != nil || origin.GetSource() != k.source || (origin.GetNote() == "") != (k.source != answer.Offline) {
					b.Errorf("a text beside a model that is %s: %v, %v", k.name, origin, err)
				}
				time.Sleep(time.Until(next))
			}
		})
	}
	work.Wait()
	if b.Failed() {
		b.FailNow()
	}
	slices.Sort(all)
	return all
}
