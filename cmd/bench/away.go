package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/bench/load"
	"parley/raft"
	"parley/raft/node"
)

// away is a node of the cluster in a process of its own: this same program, run as "bench member". What it
// recovers, decodes and collects then is not the work of the process that is measured, as it would not be on
// another machine; the processors are shared still.
type away struct {
	cmd    *exec.Cmd
	stdin  io.Closer // when it ends, the process stops
	status atomic.Pointer[awayStatus]
	gone   chan struct{} // closed when the process has ended
	err    error         // why it ended; to be read when gone is closed
}

// awaySpec is what the process reads from its standard input.
type awaySpec struct {
	Place int         `json:"place"`
	Dir   string      `json:"dir"`
	Apart string      `json:"apart"`
	Wire  string      `json:"wire"`
	Sync  string      `json:"sync"`
	Seeds []node.Seed `json:"seeds"`
	Rules node.Rules  `json:"rules"`
}

// awayWord is a line of its standard output: a note, or how far it is.
type awayWord struct {
	Note   *awayNote   `json:"note,omitempty"`
	Status *awayStatus `json:"status,omitempty"`
}

type awayNote struct {
	AtNanos int64         `json:"at_unix_ns"`
	Kind    raft.NoteKind `json:"kind"`
	Index   raft.Index    `json:"index"`
	A       uint64        `json:"a"`
	B       uint64        `json:"b"`
}

type awayStatus struct {
	Applied raft.Index `json:"applied"`
	Agreed  raft.Index `json:"agreed"`
}

// statusEvery is how often the process says how far it is, if that has changed.
const statusEvery = 5 * time.Millisecond

// startAway starts node place+1 in a process of its own.
func startAway(spec awaySpec, hear func(*raft.Note, time.Time)) (*away, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "member")
	cmd.Env = append(os.Environ(), memberEnv+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	a := &away{cmd: cmd, stdin: stdin, gone: make(chan struct{})}
	a.status.Store(&awayStatus{})
	go a.listen(stdout, hear)
	if err := json.NewEncoder(stdin).Encode(spec); err != nil {
		return nil, errors.Join(err, a.stop(context.Background()))
	}
	return a, nil
}

// memberEnv is set for the process of a node: a test's program runs as one, too.
const memberEnv = "PARLEY_BENCH_MEMBER"

// listen reads what the process says until it ends.
func (a *away) listen(stdout io.Reader, hear func(*raft.Note, time.Time)) {
	defer close(a.gone)
	for lines := json.NewDecoder(bufio.NewReader(stdout)); ; {
		var w awayWord
		if err := lines.Decode(&w); err != nil {
			break // Wait says why, if there is a reason
		}
		if n := w.Note; n != nil {
			hear(&raft.Note{Kind: n.Kind, Index: n.Index, A: n.A, B: n.B}, time.Unix(0, n.AtNanos))
		}
		if w.Status != nil {
			a.status.Store(w.Status)
		}
	}
	a.err = a.cmd.Wait()
}

// ended tells whether the process is gone, which nobody asked it for.
func (a *away) ended() error {
	select {
	case <-a.gone:
		return fmt.Errorf("the process of the node has ended: %v", a.err)
	default:
		return nil
	}
}

// stop ends the process: cleanly, or when the context ends in any way.
func (a *away) stop(ctx context.Context) error {
	_ = a.stdin.Close() // fails if the process is gone, which gone says
	select {
	case <-a.gone:
	case <-ctx.Done():
		_ = a.cmd.Process.Kill() // as above
		<-a.gone
	}
	return a.err
}

func memberCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "member",
		Short:  "Run one node of a cluster whose other nodes are in the process of another bench",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runMember(cmd.Context(), os.Stdin, os.Stdout)
		},
	}
}

// runMember runs a node until its standard input or the context ends.
func runMember(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	in := json.NewDecoder(stdin)
	var spec awaySpec
	if err := in.Decode(&spec); err != nil {
		return fmt.Errorf("bench member is started by bench catchup, which tells it what to run: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // its end is the word to stop
		cancel()
	}()

	out := &speaker{to: json.NewEncoder(stdout)}
	c := &benchCluster{
		options: clusterOptions{nodes: len(spec.Seeds), apart: spec.Apart, transport: spec.Wire, sync: spec.Sync, rules: spec.Rules},
		dir:     spec.Dir, seeds: spec.Seeds, tell: out.note,
	}
	for range spec.Seeds {
		c.nodes = append(c.nodes, &member{})
	}
	defer c.stop()
	if err := c.restartHere(spec.Place); err != nil {
		return err
	}
	h := c.nodes[spec.Place].host.Load()
	for last := (awayStatus{}); ; {
		s := h.Status()
		if now := (awayStatus{s.Applied, s.Agreed}); now != last {
			last = now
			out.say(awayWord{Status: &now})
		}
		if err := h.Err(); err != nil {
			return err
		}
		if load.Pause(ctx, statusEvery) != nil {
			return nil
		}
	}
}

// speaker writes what a member says, a line each.
type speaker struct {
	mu sync.Mutex
	to *json.Encoder
}

func (s *speaker) say(w awayWord) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.to.Encode(w) // who does not listen has ended standard input, too
}

// note says what is looked at in the other process.
func (s *speaker) note(n *raft.Note) {
	switch n.Kind {
	case raft.NoteRole, raft.NoteInstall, node.NoteFetch, node.NoteSnapshot:
		s.say(awayWord{Note: &awayNote{time.Now().UnixNano(), n.Kind, n.Index, n.A, n.B}})
	}
}
