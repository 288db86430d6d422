package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/raft/node/machinetest"
)

// cluster is three of them in one process, each on a directory.
type cluster struct {
	t     *testing.T
	net   *host.Network
	dir   string
	nodes []*host.Host
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t, net: host.NewNetwork(), dir: t.TempDir(), nodes: make([]*host.Host, 3)}
	for i := range c.nodes {
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.stop(i)
		}
	})
	return c
}

func (c *cluster) start(i int) {
	var seeds []node.Seed
	for id := 1; id <= len(c.nodes); id++ {
		seeds = append(seeds, node.Seed{ID: raft.NodeID(id), PeerAddr: fmt.Sprint("peer-", id), ClientAddr: fmt.Sprint("client-", id)})
	}
	h, err := host.Start(host.Config{
		ID: raft.NodeID(i + 1), Dir: filepath.Join(c.dir, fmt.Sprint(i)), Machine: &store{}, Settings: settings(seeds),
		Transport: c.net.End(host.QueueLimits{}), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(c.t, err)
	c.nodes[i] = h
}

func (c *cluster) stop(i int) { require.NoError(c.t, c.nodes[i].Stop(context.Background())) }

// ask sends a request to node i, and again until it was done: for as long as it is unknown or refused for now. It goes where the
// answer leads. The request keeps its name.
func (c *cluster) ask(i int, method, path, body string) *httptest.ResponseRecorder {
	for {
		r := httptest.NewRequestWithContext(c.t.Context(), method, path, strings.NewReader(body))
		r.Header.Set(requestHeader, method+path+body)
		w := httptest.NewRecorder()
		handler{c.nodes[i]}.ServeHTTP(w, r)
		switch {
		case w.Code == http.StatusTemporaryRedirect:
			var id int
			_, err := fmt.Sscanf(w.Header().Get("Location"), "http://client-%d/", &id)
			require.NoError(c.t, err)
			i = id - 1
		case w.Code < 500:
			return w
		}
	}
}

// What one node was told every node shows, before and after all of them were stopped.
func TestWhatOneNodeWasToldEveryNodeShows(t *testing.T) {
	c := newCluster(t)
	require.Equal(t, http.StatusCreated, c.ask(0, "PUT", "/colour", "green").Code)
	require.Equal(t, http.StatusNoContent, c.ask(1, "PUT", "/colour", "blue").Code)
	for i := range c.nodes {
		require.Equal(t, "blue", c.ask(i, "GET", "/colour", "").Body.String())
	}
	require.Equal(t, http.StatusNotFound, c.ask(2, "GET", "/shape", "").Code)
	for i := range c.nodes {
		c.stop(i)
	}
	for i := range c.nodes {
		c.start(i)
	}
	require.Equal(t, "blue", c.ask(2, "GET", "/colour", "").Body.String())
	require.Equal(t, http.StatusNoContent, c.ask(0, "DELETE", "/colour", "").Code)
	require.Equal(t, http.StatusNotFound, c.ask(1, "GET", "/colour", "").Code)
}

// A request that is repeated is answered as at first and not executed again, and its name is good for nothing else.
func TestARequestIsExecutedOnceUnderItsName(t *testing.T) {
	c := newCluster(t)
	require.Equal(t, http.StatusCreated, c.ask(0, "PUT", "/n", "1").Code)
	require.Equal(t, http.StatusNoContent, c.ask(0, "PUT", "/n", "2").Code)
	require.Equal(t, http.StatusCreated, c.ask(1, "PUT", "/n", "1").Code, "the first answer")
	require.Equal(t, "2", c.ask(2, "GET", "/n", "").Body.String())

	for i := 0; ; i++ {
		r := httptest.NewRequestWithContext(t.Context(), "PUT", "/n", strings.NewReader("3"))
		r.Header.Set(requestHeader, "PUT/n1")
		w := httptest.NewRecorder()
		handler{c.nodes[i%3]}.ServeHTTP(w, r)
		if w.Code != http.StatusTemporaryRedirect && w.Code < 500 {
			require.Equal(t, http.StatusConflict, w.Code)
			break
		}
	}
}

// What every state machine owes its node. Few keys, so that rows are replaced and removed.
func TestTheStoreIsAStateMachine(t *testing.T) {
	machinetest.Run(t, machinetest.Machine{
		New: func() node.StateMachine { return &store{} },
		Command: func(n uint64) []byte {
			return encode(opPut+byte(n%5/4), fmt.Sprint(n*n%17), strings.Repeat("x", int(n%40)))
		},
		Query: func(n uint64) []byte { return fmt.Append(nil, n%20) },
	})
}

// Whatever is in the log, a node answers; whatever is in a snapshot, it takes or refuses.
func TestBytesThatMakeNoSenseChangeNothing(t *testing.T) {
	var s store
	s.Apply(node.Applied{}, encode(opPut, "a", "1"))
	before := s.StateHash()
	for _, garbage := range [][]byte{nil, {opPut}, {opPut, 200}, {opPut, 9, 'x'}, {7, 0}} {
		require.Equal(t, []byte{replyGarbage}, s.Apply(node.Applied{}, garbage))
	}
	require.Equal(t, before, s.StateHash())
	var snapshot bytes.Buffer
	require.NoError(t, s.WriteSnapshot(&snapshot))
	whole := snapshot.Bytes()
	for n := 1; n < len(whole); n++ {
		require.Error(t, new(store).Restore(bytes.NewReader(whole[:n])), "cut off behind %d bytes", n)
	}
	require.Error(t, new(store).Restore(bytes.NewReader(append(whole, whole...))), "one key twice")
}
