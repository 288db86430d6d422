//go:build clock && unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// clockSource has the time package look into a file for how many seconds the wall clock is to be set back. The monotonic clock goes on,
// as it does when a person or NTP sets a machine's time.
const clockSource = `package time

import (
	"sync/atomic"
	"syscall"
)

var setBack atomic.Int64

func init() {
	path, ok := syscall.Getenv("PARLEY_TEST_CLOCK")
	if !ok {
		return
	}
	go func() {
		for ; ; Sleep(10 * Millisecond) {
			var text [16]byte
			n := 0
			if f, err := syscall.Open(path, syscall.O_RDONLY, 0); err == nil {
				n, _ = syscall.Read(f, text[:])
				syscall.Close(f)
			}
			seconds := int64(0)
			for _, c := range text[:max(n, 0)] {
				seconds = 10*seconds + int64(c-'0')
			}
			setBack.Store(seconds)
		}
	}()
}
`

// withClock builds the node command with a wall clock that can be set: neither a namespace nor a preloaded library moves that of a Go
// program, and the machine's own is everybody's.
func withClock(t *testing.T) (program string) {
	t.Helper()
	dir, src := t.TempDir(), filepath.Join(runtime.GOROOT(), "src", "time")
	text, err := os.ReadFile(filepath.Join(src, "time.go"))
	require.NoError(t, err)
	const reads = "sec, nsec, mono := runtimeNow()\n"
	require.Contains(t, string(text), reads)
	patched := strings.Replace(string(text), reads, reads+"\tsec -= setBack.Load()\n", 1)
	replace := map[string]string{}
	for name, text := range map[string]string{"time.go": patched, "setback.go": clockSource} {
		replace[filepath.Join(src, name)] = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	program = filepath.Join(dir, "node")
	out, err := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "parley/cmd/node").CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// What is at stake: whatever is reckoned by the time of day. The leader's machine is set back an hour under a writer, then all machines
// are; then the nodes start with clocks that are an hour behind what they wrote.
func TestAClockThatIsSetBackAnHourHarmsNothing(t *testing.T) {
	program, dir, a := withClock(t), t.TempDir(), free(t, 6)
	set := func(id int) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprint("clock-", id)), []byte("3600"), 0o600))
		time.Sleep(5 * testStep) // it is read every ten milliseconds
	}
	start := func(id int, args ...string) *proc {
		t.Setenv("PARLEY_TEST_CLOCK", filepath.Join(dir, fmt.Sprint("clock-", id)))
		return launchAs(t, program, append([]string{"start", "--dir", filepath.Join(dir, fmt.Sprint("node-", id))}, args...)...)
	}
	c := &trio{t: t, clients: strings.Join(a[:3], ",")}
	members := fmt.Sprintf("1=%s,2=%s,3=%s", a[3], a[4], a[5])
	for id := 1; id <= 3; id++ {
		c.dirs[id] = filepath.Join(dir, fmt.Sprint("node-", id))
		c.nodes[id] = start(id, "--id", fmt.Sprint(id), "--client-addr", a[id-1], "--peer-addr", a[id+2], "--cluster", members, "--demo-users", "--bcrypt-cost", "4", "--lease", "200ms")
	}
	send(t, c.clients, "before")
	c.lead(3)
	l, old := startLoad(t, c.clients), asAlice(t, strings.Split(c.clients, ",")...)
	terms := func() int { return strings.Count(c.nodes[1].stderr.String(), "msg=leader") }
	before := terms()

	for _, ids := range [][]int{{3}, {1, 2}} {
		for _, id := range ids {
			set(id)
		}
		works(t, c.clients, old)
		works(t, c.clients, asAlice(t, strings.Split(c.clients, ",")...))
	}
	require.Equal(t, before, terms(), "nobody took the leader for gone")

	for id := 1; id <= 3; id++ {
		require.Zero(t, c.nodes[id].interrupt())
		c.nodes[id] = start(id)
		awaitStatus(t, c.clients, fmt.Sprintf(`(?m)^%d .* (follower|leader) +serving`, id))
	}
	works(t, c.clients, old)
	works(t, c.clients, asAlice(t, strings.Split(c.clients, ",")...))
	l.end(c.clients)
	c.agree()
}

// works does what depends on time: a token is good, a lock ends with its time and no sooner, messages are in order.
func works(t *testing.T, clients string, c *client.Client) {
	t.Helper()
	_, err := c.WhoAmI(t.Context())
	require.NoError(t, err)
	first, err := c.Send(t.Context(), "tech", "one")
	require.NoError(t, err)
	_, err = c.Send(t.Context(), "tech", "two")
	require.NoError(t, err)
	after := first.GetPosition() - 1
	page, err := c.History(t.Context(), &pb.HistoryRequest{Place: "tech", After: &after, Limit: 2})
	require.NoError(t, err)
	require.Len(t, page.GetMessages(), 2)
	require.False(t, page.GetMessages()[1].GetTime().AsTime().Before(page.GetMessages()[0].GetTime().AsTime()))
	bob := as(t, "bob", strings.Split(clients, ",")...)
	held, err := c.AcquireLock(t.Context(), &pb.AcquireLockRequest{Name: "clock", TtlMs: 1000})
	require.NoError(t, err)
	require.True(t, held.GetGranted())
	var fence uint64
	require.Eventually(t, func() bool {
		next, err := bob.AcquireLock(t.Context(), &pb.AcquireLockRequest{Name: "clock", TtlMs: 1000})
		fence = next.GetLock().GetFence()
		return err == nil && next.GetGranted()
	}, waitMax, testStep)
	_, err = bob.ReleaseLock(t.Context(), "clock", fence)
	require.NoError(t, err)
}
