package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// trio is a cluster of three nodes that were started by hand, each on a directory that may be anywhere.
type trio struct {
	t       *testing.T
	dirs    [4]string // by id; the first is nobody's
	clients string
	nodes   [4]*proc
}

// startTrio starts three nodes, the third on a directory within dir, and waits until the users are there.
func startTrio(t *testing.T, dir string) *trio {
	t.Helper()
	work, a := t.TempDir(), free(t, 6)
	c := &trio{t: t, clients: strings.Join(a[:3], ",")}
	c.dirs = [4]string{1: filepath.Join(work, "node-1"), 2: filepath.Join(work, "node-2"), 3: filepath.Join(dir, "node-3")}
	members := fmt.Sprintf("1=%s,2=%s,3=%s", a[3], a[4], a[5])
	for id := 1; id <= 3; id++ {
		c.nodes[id] = launch(t, "start", "--id", fmt.Sprint(id), "--dir", c.dirs[id], "--client-addr", a[id-1], "--peer-addr", a[id+2], "--cluster", members)
	}
	send(t, c.clients, "before")
	return c
}

// lead has a node lead, so that what befalls it befalls the one node that everybody waits for.
func (c *trio) lead(id int) {
	c.t.Helper()
	awaitStatus(c.t, c.clients, fmt.Sprintf(`(?m)^%d .* (follower|leader) +serving`, id))
	out, code := parley(c.t, c.clients, "cluster", "transfer", fmt.Sprint(id))
	require.Zero(c.t, code, out)
}

// back starts a node again on its directory, and waits until it has caught up.
func (c *trio) back(id int) {
	c.t.Helper()
	c.nodes[id] = launch(c.t, "start", "--dir", c.dirs[id])
	c.nodes[id].stderr.await(c.t, `msg="node is up"`)
	awaitStatus(c.t, c.clients, fmt.Sprintf(`(?m)^%d .* (follower|leader) +serving`, id))
}

// agree looks whether all three have the same state, and stops them.
func (c *trio) agree() {
	c.t.Helper()
	out, code := parley(c.t, c.clients, "cluster", "check", "--json")
	require.Zero(c.t, code, out)
	require.Equal(c.t, 3, strings.Count(out, `"hash":"`), out)
	for id := 1; id <= 3; id++ {
		require.Zero(c.t, c.nodes[id].interrupt())
	}
}

// fill writes as many bytes as there is room for, and returns the file.
func fill(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "ballast")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer f.Close()
	for size := 1 << 20; size >= 1<<12; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	return path
}
