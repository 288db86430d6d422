package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/parley/fetch"
	"parley/raft/backup"
	"parley/rpc/client"
)

// writer sends messages until it is stopped, and returns those that were acknowledged.
func writer(t *testing.T, clients string) (stop func() []string) {
	t.Helper()
	quit, sent := make(chan struct{}), make(chan []string, 1)
	go func() {
		var acknowledged []string
		for i := 0; ; i++ {
			select {
			case <-quit:
				sent <- acknowledged
				return
			case <-time.After(5 * time.Millisecond): // about 200 a second
			}
			text := "m" + strconv.Itoa(i)
			if _, code := parley(t, clients, "send", "#general", text); code == 0 {
				acknowledged = append(acknowledged, text)
			}
		}
	}()
	return func() []string {
		close(quit)
		return <-sent
	}
}

// At stake: the day on which all machines are gone, and what is left is a file on a shelf.
func TestR90_ABackupOfARunningClusterIsTheStartOfANewOneWithAllThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, _, clients := dev(t, dir, freePorts...)
	work := t.TempDir()
	path := filepath.Join(work, "report.txt")
	content := strings.Repeat("what the file says\n", 20_000)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	out, code := parley(t, clients, "file", "put", "#general", path, "--json")
	require.Zero(t, code, out)
	var file struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(out), &file))
	out, code = parley(t, clients, "doc", "create", "--title", "the plan", "--file", path, "--json")
	require.Zero(t, code, out)
	out, code = parley(t, clients, "lock", "acquire", "mine", "--ttl", "1h", "--json")
	require.Zero(t, code, out)
	var lock struct{ Fence uint64 }
	require.NoError(t, json.Unmarshal([]byte(out), &lock))
	var before []string
	for i := range 20 {
		before = append(before, fmt.Sprintf("before %d", i))
		send(t, clients, before[i])
	}

	l := startCrowd(t, clients, 8)
	shelf := filepath.Join(work, "shelf")
	for _, path := range []string{shelf + ".1", shelf + ".2", shelf + ".3", shelf} {
		out, code = parley(t, clients, "cluster", "backup", path, "--json")
		require.Zero(t, code, out)
	}
	l.end(clients)
	old := allTexts(t, clients)
	var made struct {
		Cluster                string
		Position, Files, Bytes uint64
	}
	require.NoError(t, json.Unmarshal([]byte(out), &made))
	info, err := os.Stat(shelf)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.EqualValues(t, info.Size(), made.Bytes)
	require.EqualValues(t, 1, made.Files)
	_, code = parley(t, clients, "cluster", "backup", shelf)
	require.Equal(t, 6, code, "nothing is written over")
	out, code = parley(t, clients, "audit", "export")
	require.Zero(t, code)
	require.Contains(t, out, `"action":"cluster.backup"`)
	require.Zero(t, d.interrupt())

	// The machines are gone. A directory in use, and a file with a flipped bit, are refused, and leave nothing behind.
	a := free(t, 4)
	anew := filepath.Join(work, "node-1")
	flags := []string{"--client-addr", a[0], "--peer-addr", a[1]}
	used := filepath.Join(dir, "node-1")
	out, code = parleyOnce(t, "", clients, append([]string{"cluster", "restore", shelf, "--dir", used, "--json"}, flags...)...)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "is in use")
	copied, err := os.ReadFile(shelf)
	require.NoError(t, err)
	copied[len(copied)/2] ^= 1
	require.NoError(t, os.WriteFile(shelf+".bad", copied, 0o600))
	out, code = parleyOnce(t, "", clients, append([]string{"cluster", "restore", shelf + ".bad", "--dir", anew, "--json"}, flags...)...)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "damaged")
	require.NoDirExists(t, anew)

	out, code = parleyOnce(t, "", clients, append([]string{"cluster", "restore", shelf, "--dir", anew, "--json"}, flags...)...)
	require.Zero(t, code, out)
	var restored struct {
		Cluster, Of  string
		At, Position uint64
	}
	require.NoError(t, json.Unmarshal([]byte(out), &restored))
	require.Equal(t, made.Cluster, restored.Of)
	require.NotEqual(t, restored.Of, restored.Cluster)
	require.Equal(t, made.Position, restored.At)
	require.GreaterOrEqual(t, restored.Position, restored.At+1<<40)
	one := launch(t, "start", "--dir", anew)
	one.stderr.await(t, `msg=leader`)
	_, code = parleyOnce(t, "", a[0], "whoami")
	require.Equal(t, 4, code, "nobody is logged in any more")
	got := allTexts(t, a[0])
	require.Equal(t, before, got[:len(before)])
	require.Equal(t, old[:len(got)], got, "and a prefix of what was written meanwhile")
	back := filepath.Join(work, "back.txt")
	_, code = parley(t, a[0], "file", "get", file.ID, "-o", back)
	require.Zero(t, code)
	is, err := os.ReadFile(back)
	require.NoError(t, err)
	require.Equal(t, content, string(is))
	out, code = parley(t, a[0], "doc", "list", "--json")
	require.Zero(t, code)
	require.Contains(t, out, "the plan")
	out, code = parley(t, a[0], "lock", "acquire", "mine", "--json")
	require.Zero(t, code, "its holder's login has ended: %s", out)
	var again struct{ Fence uint64 }
	require.NoError(t, json.Unmarshal([]byte(out), &again))
	require.Greater(t, again.Fence, restored.Position, "no fence appears again")

	// It grows, while somebody writes.
	l = startLoad(t, a[0])
	join(t, work, "2", a[2], a[3])
	out, code = parley(t, a[0], "cluster", "add", "--id", "2", "--peer-addr", a[2], "--client-addr", a[3])
	require.Zero(t, code, out)
	awaitStatus(t, a[0], `(?m)^2 .* follower +serving`)
	l.end(a[0])
	out, code = parley(t, a[0]+","+a[3], "cluster", "check", "--json")
	require.Zero(t, code, out)
	_, code = parley(t, a[3], "file", "get", file.ID, "-o", back, "--force")
	require.Zero(t, code, "the file came along")
}

// Whoever waits for it gives up, or the node that sends it dies in the midst of it: what came is not sent again, and nothing has the backup's
// name that is not whole.
func TestR90_ABackupThatIsBrokenOffGoesOnBehindItsLastWholeFile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, leader, clients := dev(t, dir, freePorts...)
	work := t.TempDir()
	path := filepath.Join(work, "large")
	const files, size = 4, 4 << 20
	content := make([]byte, size)
	for i := range files {
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(content) // never fails
		require.NoError(t, os.WriteFile(path, content, 0o600))
		_, code := parley(t, clients, "file", "put", "#general", path)
		require.Zero(t, code)
	}
	c := asAlice(t, strings.Split(clients, ",")...)
	shelf := filepath.Join(work, "shelf")

	gone, cancel := context.WithCancel(t.Context())
	_, err := fetch.Backup(gone, c, shelf, func(done int64) {
		if done > 2*size+size/2 { // in the midst of the third
			cancel()
		}
	})
	require.Error(t, err)
	require.NoFileExists(t, shelf)
	info, err := os.Stat(shelf + ".part")
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	var kill sync.Once
	least := int64(math.MaxInt64)
	whole, err := fetch.Backup(t.Context(), c, shelf, func(done int64) {
		least = min(least, done)
		kill.Do(func() { require.NoError(t, syscall.Kill(pidOf(t, dir, leader), syscall.SIGKILL)) })
	})
	require.NoError(t, err)
	require.Greater(t, least, int64(2*size), "what was there was not sent again")
	require.EqualValues(t, files, whole.Blobs)
	require.NoFileExists(t, shelf+".part")
	f, err := os.Open(shelf)
	require.NoError(t, err)
	defer f.Close()
	again, err := fetch.Look(f)
	require.NoError(t, err)
	require.Equal(t, whole, again)
	require.Greater(t, whole.Bytes, int64(files*size))

	// What lies there is another cluster's, or under way by somebody else.
	require.NoError(t, os.WriteFile(filepath.Join(work, "other.part"), foreignBackup(t), 0o600))
	_, err = fetch.Backup(t.Context(), c, filepath.Join(work, "other"), nil)
	require.ErrorContains(t, err, "backup of cluster 000000000000abcd")
	held, err := os.OpenFile(filepath.Join(work, "busy.part"), os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	defer held.Close()
	require.NoError(t, syscall.Flock(int(held.Fd()), syscall.LOCK_EX))
	_, err = fetch.Backup(t.Context(), c, filepath.Join(work, "busy"), nil)
	require.ErrorAs(t, err, new(*fetch.BusyError))
	_ = d.interrupt() // one of its children was killed
}

// foreignBackup is the beginning of another cluster's.
func foreignBackup(t *testing.T) []byte {
	var out bytes.Buffer
	w := backup.NewWriter(&out, backup.Header{Cluster: 0xabcd})
	require.NoError(t, w.Blob(sha256.Sum256([]byte("x")), 1))
	require.NoError(t, w.Content([]byte("x")))
	return out.Bytes()
}

// What the states are compared at is one position, though a writer goes on; a node that is down is no disagreement.
func TestR89_AnyUserComparesTheStatesOfAllNodesAtOnePosition(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, leader, clients := dev(t, dir, freePorts...)
	stop := writer(t, clients)
	c := as(t, "bob", strings.Split(clients, ",")...)
	for range 5 {
		r, err := c.Check(t.Context())
		require.NoError(t, err)
		require.True(t, r.GetOk())
		require.Len(t, r.GetNodes(), 3)
		for _, n := range r.GetNodes() {
			require.Equal(t, r.GetPosition(), n.GetPosition())
			require.Equal(t, r.GetNodes()[0].GetHash(), n.GetHash())
			require.Len(t, n.GetHash(), 32)
		}
	}
	stop()
	other := "1"
	if leader == other {
		other = "2"
	}
	require.NoError(t, syscall.Kill(pidOf(t, dir, other), syscall.SIGKILL))
	out, code := parley(t, clients, "cluster", "check", "--json")
	require.Zero(t, code, out)
	var j struct {
		OK       bool
		Position uint64
		Nodes    []struct {
			ID, Position uint64
			Hash         string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &j))
	require.True(t, j.OK)
	require.Len(t, j.Nodes, 3)
	for _, n := range j.Nodes {
		require.Equal(t, strconv.FormatUint(n.ID, 10) == other, n.Hash == "", out)
	}
	require.Zero(t, d.interrupt())
}

// as returns a client that one of the users of dev mode is logged in with.
func as(t *testing.T, name string, addrs ...string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Addrs: addrs})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.LogIn(t.Context(), name, name+"123")
	require.NoError(t, err)
	return c
}
