package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/bench/load"
	"parley/raft"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// sizeOptions are the flags of bench size.
type sizeOptions struct {
	checkOptions
	people   int
	messages int
}

// sized is what one more of something takes of a node.
type sized struct {
	Bench  string  `json:"bench"`
	What   string  `json:"what"`
	Count  int     `json:"count"`
	Memory float64 `json:"memory_bytes"` // each, on the leader: heap after a collection, and stacks
	Log    float64 `json:"log_bytes"`    // each
	CPU    float64 `json:"cpu_ms"`       // each, on the leader; zero where nothing is done but being there
	PerS   float64 `json:"per_s"`
	RSS    float64 `json:"rss_mib"` // of the leader, at the end
}

func (s sized) line() string {
	return fmt.Sprintf("size  %-48s %6d  memory %8.0f B  log %7.0f B  leader's processor %7.3f ms each  %6.0f/s  RSS %.0f MiB",
		s.What, s.Count, s.Memory, s.Log, s.CPU, s.PerS, s.RSS)
}

func sizeCommand(show reporter) *cobra.Command {
	var o sizeOptions
	cmd := &cobra.Command{
		Use:   "size",
		Short: "What one more account, connection, stream, channel, message or revision takes of a node",
		Long: `Runs a cluster of real processes with default settings but for the cost of passwords, and makes many of one
thing after the other. Memory and processor time are what the leader says at /metrics, memory after a collection. What is
in the log is also in memory until two snapshots have been made behind it, and counted there.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return size(cmd.Context(), o, show)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.people, "people", 300, "accounts, each with a log-in, a connection and a stream")
	f.IntVar(&o.messages, "messages", 50_000, "messages of batches; a tenth as many are sent one by one")
	f.IntVar(&o.payload, "payload", 128, "bytes of a message")
	f.IntVar(&o.nodes, "nodes", 3, "nodes of the cluster")
	f.StringVar(&o.dir, "dir", ".", "where to make the data directories, removed in the end")
	f.StringVar(&o.binary, "node", "", "a binary of cmd/node; without it, one is built")
	return cmd
}

// size makes the cluster, and measures one thing after the other.
func size(ctx context.Context, o sizeOptions, show reporter) error {
	if o.people < 1 || o.messages < 10*batchMax || o.payload < markBytes || o.payload > payloadMax {
		return fmt.Errorf("--people must be at least 1, --messages at least %d, --payload from %d to %d", 10*batchMax, markBytes, payloadMax)
	}
	dir, err := os.MkdirTemp(o.dir, "bench-size-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o.extra = []string{"--bcrypt-cost", "4"}
	p, err := startProcesses(ctx, o.checkOptions, dir)
	if err != nil {
		return err
	}
	defer p.stop()
	s, err := p.client.Status(ctx)
	if err != nil {
		return err
	}
	z := &sizer{p: p, o: o, show: show, http: p.watched[s.Leader-1], people: make([]*client.Client, o.people)}
	defer z.close()
	return z.all(ctx)
}

// sizer measures one cluster.
type sizer struct {
	p       *processes
	o       sizeOptions
	show    reporter
	http    string // where the leader is watched
	people  []*client.Client
	streams sync.WaitGroup
	hangUp  context.CancelFunc
}

func (z *sizer) close() {
	if z.hangUp != nil {
		z.hangUp()
	}
	z.streams.Wait()
	for _, c := range z.people {
		if c != nil {
			c.Close()
		}
	}
}

// all makes the things, in an order in which each has what it needs.
func (z *sizer) all(ctx context.Context) error {
	listening, cancel := context.WithCancel(ctx)
	z.hangUp = cancel
	text := textOf(z.o.payload)
	batch := make([]*pb.BatchMessage, batchMax)
	for i := range batch {
		batch[i] = &pb.BatchMessage{Place: channel, Text: text}
	}
	for _, step := range []func() error{
		func() error { return z.make(ctx, "an account", z.o.people, 1, z.account) },
		func() error {
			return z.make(ctx, "a log-in, its connection and client session", z.o.people, 1, z.logIn)
		},
		func() error {
			return z.make(ctx, "a stream that follows everything", z.o.people, 1, func(_ context.Context, n int) error { return z.watch(listening, n) })
		},
		z.endStreams,
		func() error { return z.make(ctx, "a channel", z.o.people, 1, z.channel) },
		func() error {
			return z.make(ctx, "a message, of batches of 256", z.o.messages/batchMax, batchMax, func(ctx context.Context, n int) error {
				_, err := z.people[n%len(z.people)].SendBatch(ctx, batch)
				return err
			})
		},
		func() error {
			return z.make(ctx, "a message, sent by itself", z.o.messages/10, 1, func(ctx context.Context, n int) error {
				_, err := z.people[n%len(z.people)].Send(ctx, channel, text)
				return err
			})
		},
		func() error { return z.documents(ctx) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// sideBySide is how many things are made at a time.
const sideBySide = 16

// make makes count of something, each of which stands for so many, and shows what they take.
func (z *sizer) make(ctx context.Context, what string, count, each int, one func(ctx context.Context, n int) error) error {
	before, err := z.look(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	var next atomic.Int64
	failures := make([]error, sideBySide)
	var run sync.WaitGroup
	for i := range failures {
		run.Go(func() {
			for n := next.Add(1); n <= int64(count) && failures[i] == nil; n = next.Add(1) {
				failures[i] = one(ctx, int(n-1))
			}
		})
	}
	run.Wait()
	took := time.Since(begin).Seconds()
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	after, err := z.look(ctx)
	if err != nil {
		return err
	}
	of := float64(count * each)
	return z.show(sized{
		Bench: "size", What: what, Count: count * each,
		Memory: load.Round((after.memory-before.memory)/of, 1), Log: load.Round((after.log-before.log)/of, 1),
		CPU: load.Round((after.busy-before.cpu)*1000/of, 4), PerS: load.Round(of/took, 1), RSS: load.Round(after.rss/(1<<20), 1),
	})
}

func (z *sizer) account(ctx context.Context, n int) error {
	name := fmt.Sprint("person_", n)
	_, err := z.p.client.SignUp(ctx, &pb.SignUpRequest{Username: name, Email: name + "@example.org", Password: password})
	return err
}

func (z *sizer) logIn(ctx context.Context, n int) error {
	c, err := client.New(client.Config{Addrs: z.p.addrs})
	if err != nil {
		return err
	}
	z.people[n] = c
	if _, err := c.LogIn(ctx, fmt.Sprint("person_", n), password); err != nil {
		return err
	}
	_, err = c.JoinChannel(ctx, channel)
	return err
}

// watch has somebody follow all that he may read, and returns when the stream stands.
func (z *sizer) watch(ctx context.Context, n int) error {
	stands := make(chan error, 1)
	z.streams.Go(func() {
		var once sync.Once
		o := client.WatchOptions{}
		o.OnProgress = func(string, raft.Position) { once.Do(func() { stands <- nil }) }
		for _, err := range z.people[n].Watch(ctx, o) {
			if err != nil {
				once.Do(func() { stands <- err })
				return
			}
		}
	})
	return <-stands
}

func (z *sizer) channel(ctx context.Context, n int) error {
	_, err := z.people[n].CreateChannel(ctx, &pb.CreateChannelRequest{Name: fmt.Sprint("channel-", n)})
	return err
}

// endStreams ends them: what comes next is not to be pushed to hundreds.
func (z *sizer) endStreams() error {
	if z.hangUp != nil {
		z.hangUp()
	}
	z.streams.Wait()
	return nil
}

// revisions of one document are measured, of documentBytes each.
const (
	revisions     = 200
	documentBytes = 10 << 10
)

// documents makes revisions in which a word changed, and others that have nothing in common.
func (z *sizer) documents(ctx context.Context) error {
	body := []byte(textOf(documentBytes))
	c := z.people[0]
	made, err := c.CreateDocument(ctx, &pb.CreateDocumentRequest{Title: "sized", Content: body, LockMode: pb.LockMode_LOCK_MODE_ADVISORY})
	if err != nil {
		return err
	}
	update := func(content func(n int) []byte) func(context.Context, int) error {
		return func(ctx context.Context, n int) error {
			_, err := c.UpdateDocument(ctx, &pb.UpdateDocumentRequest{DocumentId: made.GetDocument().GetId(), Content: content(n)})
			return err
		}
	}
	err = z.make(ctx, "a revision of 10 KiB in which a word changed", revisions, 1, update(func(n int) []byte {
		return append(fmt.Appendf(nil, "word %d ", n), body...)
	}))
	if err != nil {
		return err
	}
	return z.make(ctx, "a revision of 10 KiB that is all new", revisions, 1, update(func(n int) []byte {
		var b []byte
		for i := uint64(0); len(b) < documentBytes; i++ {
			b = strconv.AppendUint(b, raft.Mix(uint64(n), 1, i), 36)
		}
		return b
	}))
}

// looked is what a node said of itself.
type looked struct{ memory, log, cpu, busy, rss float64 }

// look has a node collect, and reads what is left. The processor time of the collection is no thing's.
func (z *sizer) look(ctx context.Context) (l looked, err error) {
	before, err := z.metrics(ctx)
	if err != nil {
		return l, err
	}
	for range 2 { // what had a finalizer goes with the second
		if err := get(ctx, "http://"+z.http+"/debug/pprof/heap?gc=1", func(io.Reader) error { return nil }); err != nil {
			return l, err
		}
	}
	after, err := z.metrics(ctx)
	return looked{
		memory: after["go_memstats_heap_alloc_bytes"] + after["go_memstats_stack_inuse_bytes"],
		log:    after["parley_log_batch_bytes_sum"], busy: before["process_cpu_seconds_total"], cpu: after["process_cpu_seconds_total"],
		rss: before["process_resident_memory_bytes"],
	}, err
}

// metrics reads the metrics that have no labels.
func (z *sizer) metrics(ctx context.Context) (map[string]float64, error) {
	m := map[string]float64{}
	err := get(ctx, "http://"+z.http+"/metrics", func(body io.Reader) error {
		lines := bufio.NewScanner(body)
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), " ")
			if n, err := strconv.ParseFloat(value, 64); err == nil {
				m[name] = n
			}
		}
		return lines.Err()
	})
	return m, err
}

// get reads what a node serves to who watches it.
func get(ctx context.Context, url string, read func(io.Reader) error) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	return errors.Join(read(answer.Body), discard(answer.Body))
}

func discard(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
