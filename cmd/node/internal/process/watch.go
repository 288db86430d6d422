package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"parley/cmd/observe/metrics"
	"parley/cmd/observe/private"
	"parley/cmd/observe/tracing"
	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/peer"
	"parley/rpc/server"
)

// answerMax is how long a node's loop may take to say how the node is before it counts as stuck. A Step takes milliseconds.
const answerMax = 2 * time.Second

// quietMax is how long a node may hear nothing of its leader and still take clients: beyond a heartbeat that is late, less
// than clients wait for.
const quietMax = 3 * time.Second

// watch is what shows a node to the outside while it starts, runs and stops: numbers, health, traces.
type watch struct {
	metrics  *metrics.Metrics
	traces   *tracing.Provider // nil: nobody asked
	recorder *tracing.Recorder
	servers  []*private.Server
	host     atomic.Pointer[host.Host] // nil: the node reads its directory
}

// newWatch makes what counts and traces.
func newWatch(s Settings, log *slog.Logger) (*watch, error) {
	w := &watch{metrics: metrics.New()}
	endpoint := s.Observe.TraceEndpoint
	if endpoint != none && tracing.Asked(endpoint, os.Getenv) {
		var err error
		w.traces, err = tracing.Open(context.Background(), tracing.Config{
			Endpoint: endpoint, Service: "parley-node", Instance: strconv.FormatUint(s.ID, 10), Version: Version(), Logger: log,
		})
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

// serve begins before the node reads its directory, so that one that takes long over it is seen to.
func (w *watch) serve(at watchers, o Observe, log *slog.Logger, level *slog.LevelVar) {
	n := &private.Node{Metrics: w.metrics.Handler(), Level: level, Logger: log, Health: w.health, Ready: w.ready}
	if at.http != nil {
		here := o.DebugAddr == "" && onLoopback(at.http.Addr().String())
		w.servers = append(w.servers, private.Serve(at.http, n.Handler(here), log))
	}
	if at.debug != nil {
		w.servers = append(w.servers, private.Serve(at.debug, n.Debug(), log))
	}
}

// peers has the node's transport carry what traces need.
func (w *watch) peers(o *peer.Options) {
	if w.traces != nil {
		o.Aside = func(from raft.NodeID, text []byte) {
			if w.recorder != nil {
				w.recorder.Heard(from, text)
			}
		}
	}
}

// hosts has the host count and trace.
func (w *watch) hosts(c *host.Config, t *peer.Transport) {
	c.Probe = w.metrics.Probe()
	c.OnNotes = w.metrics.Notes
	if w.traces == nil {
		return
	}
	w.recorder = w.traces.Record(c.ID, t.Aside)
	w.metrics.Traces(w.recorder.Dropped)
	c.TraceOf = w.recorder.TraceOf
	c.OnNotes = func(notes []raft.Note) {
		w.metrics.Notes(notes)
		w.recorder.Notes(notes)
	}
}

// serves has the server's calls counted and traced.
func (w *watch) serves(c *server.Config) {
	c.GRPC = append(c.GRPC, grpc.StatsHandler(w.metrics.Calls()))
	if w.traces != nil {
		c.GRPC = append(c.GRPC, grpc.StatsHandler(w.traces.Server()))
	}
}

// up tells that the node runs.
func (w *watch) up(h *host.Host, dir string) {
	w.metrics.Watch(h, dir)
	w.host.Store(h)
}

// close ends what newWatch began.
func (w *watch) close() {
	for _, s := range w.servers {
		s.Stop()
	}
	if w.recorder != nil {
		w.recorder.Close()
	}
	if w.traces != nil {
		w.traces.Close()
	}
}

// health returns why the process should be started again: nothing but a loop that hangs. While the node reads its directory it is
// well, however long that takes.
func (w *watch) health(ctx context.Context) error {
	h := w.host.Load()
	if h == nil {
		return nil
	}
	_, err := status(ctx, h)
	return err
}

// ready returns why clients should ask another node.
func (w *watch) ready(ctx context.Context) error {
	h := w.host.Load()
	if h == nil {
		return errors.New("the node reads its directory")
	}
	s, err := status(ctx, h)
	switch {
	case err != nil:
		return err
	case s.Cluster == 0:
		return errors.New("the node belongs to no cluster yet")
	case s.Stopped != nil:
		return errors.New("the node has stopped")
	case s.Removed != 0:
		return errors.New("the node was removed from its cluster")
	case s.Hole != 0:
		return fmt.Errorf("the disk lost entries from %d on, which are not repaired yet", s.Hole)
	case s.Leader == 0, s.LeaderQuiet > quietMax:
		return errors.New("the node knows no leader")
	}
	return nil
}

// status asks the loop how the node is.
func status(ctx context.Context, h *host.Host) (node.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, answerMax)
	defer cancel()
	s, err := h.StatusWithin(ctx)
	if err != nil {
		return s, fmt.Errorf("the node's loop did not answer within %v", answerMax)
	}
	return s, nil
}
