package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// newDocument makes a document that bob may write, too.
func (p *person) newDocument(lock, content string) string {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(filepath.Join(p.work, "content"), []byte(content), 0o600))
	var made struct{ ID string }
	require.NoError(p.t, json.Unmarshal([]byte(p.must("doc", "create", "--title", "Plan", "--file", "content", "--lock", lock, "--json")), &made))
	p.must("doc", "share", made.ID, "bob", "--role", "editor")
	return made.ID
}

// appears waits for a file, and returns what is in it.
func appears(t *testing.T, path string) string {
	t.Helper()
	var b []byte
	require.Eventually(t, func() bool {
		var err error
		b, err = os.ReadFile(path)
		return err == nil && len(b) > 0
	}, 60*time.Second, 10*time.Millisecond)
	return string(b)
}

// What is at stake: what bob wrote, and what alice wrote. Alice's process is stopped while she edits, and with it whatever
// would tell her that the lock is lost. When she goes on she believes that she holds it.
func TestR60_AHolderWhoWasStoppedBeyondHisTimeWritesOverNobody(t *testing.T) {
	c := sharedCluster(t)
	alice, bob := c.loggedIn(t, "alice"), c.loggedIn(t, "bob")
	id := alice.newDocument("required", "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n")

	// The editor tells which file it was given, waits until it may go on, and changes the last line.
	editor := filepath.Join(alice.work, "editor")
	require.NoError(t, os.WriteFile(editor, []byte("#!/bin/sh\necho \"$1\" > given\nuntil [ -e go ]; do sleep 0.05; done\nsed -i s/nine/NINE/ \"$1\"\n"), 0o700))
	cmd := alice.command(context.Background(), "doc", "edit", id, "--ttl", "2s", "--timeout", "60s")
	cmd.Env = append(cmd.Env, "EDITOR="+editor)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	draft := strings.TrimSpace(appears(t, filepath.Join(alice.work, "given")))
	require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGSTOP))

	var got struct{ Fence uint64 }
	require.NoError(t, json.Unmarshal([]byte(bob.must("lock", "acquire", id, "--wait", "60s", "--ttl", "5m", "--json")), &got))
	text := bob.must("doc", "show", id)
	require.NoError(t, os.WriteFile(filepath.Join(bob.work, "mine"), []byte(strings.Replace(text, "one", "ONE", 1)), 0o600))
	bob.must("doc", "update", id, "--file", "mine", "--fence", strconv.FormatUint(got.Fence, 10))

	require.NoError(t, os.WriteFile(filepath.Join(alice.work, "go"), []byte("on"), 0o600))
	require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGCONT))
	err := cmd.Wait()
	require.Error(t, err)
	require.Equal(t, 6, cmd.ProcessState.ExitCode(), out.String())
	require.True(t, strings.HasPrefix(alice.must("doc", "show", id), "ONE\n"), "bob's text stands")
	require.NotContains(t, alice.must("doc", "show", id), "NINE")

	kept, err := os.ReadFile(draft)
	require.NoError(t, err, "alice's text is kept")
	require.Contains(t, string(kept), "NINE")
	for _, shown := range []string{"What others wrote meanwhile:", "+ONE", "What you wrote:", "+NINE", draft, draft + ".merged"} {
		require.Contains(t, out.String(), shown)
	}
	both, err := os.ReadFile(draft + ".merged")
	require.NoError(t, err)
	require.Equal(t, "ONE\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nNINE\n", string(both))
	for _, path := range []string{draft, draft + ".merged"} {
		require.NoError(t, os.Remove(path))
	}
}

func TestR66_ACommandIsEndedWhenItsLockIsLostAndTheLockWhenTheCommandEnds(t *testing.T) {
	c := sharedCluster(t)
	alice, other, bob := c.loggedIn(t, "alice"), c.loggedIn(t, "alice"), c.loggedIn(t, "bob")
	cmd := alice.command(context.Background(), "lock", "run", "holder/job", "--ttl", "2s", "--", "sh", "-c", "echo $PARLEY_FENCE > fence; exec sleep 1000")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	fence := strings.TrimSpace(appears(t, filepath.Join(alice.work, "fence")))
	_, code := bob.in("", "lock", "run", "holder/job", "--", "true")
	require.Equal(t, 6, code)
	var listed []struct {
		Name  string
		Fence uint64
	}
	require.NoError(t, json.Unmarshal([]byte(bob.must("lock", "list", "--json")), &listed))
	require.Contains(t, fmt.Sprint(listed), "{holder/job "+fence+"}")
	other.must("lock", "break", "holder/job", "--fence", fence)
	require.Error(t, cmd.Wait())
	require.Equal(t, 6, cmd.ProcessState.ExitCode(), out.String())
	require.Contains(t, out.String(), "lost")

	// A script's commands are ended with it, also those that don't want to. Who waits for the output waits for all of them.
	require.NoError(t, os.Remove(filepath.Join(alice.work, "fence")))
	cmd = alice.command(context.Background(), "lock", "run", "holder/job", "--ttl", "2s", "--", "sh", "-c", `echo $PARLEY_FENCE > fence; (sleep 1000) & (trap "" TERM; sleep 1000); true`)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	other.must("lock", "break", "holder/job", "--fence", strings.TrimSpace(appears(t, filepath.Join(alice.work, "fence"))))
	require.Error(t, cmd.Wait())
	require.Equal(t, 6, cmd.ProcessState.ExitCode())
	require.NoError(t, r.SetReadDeadline(time.Now().Add(30*time.Second))) // else this would wait as long as they sleep
	_, err = io.ReadAll(r)
	require.NoError(t, err, "somebody has it still")

	bob.must("lock", "run", "holder/job", "--wait", "30s", "--", "sh", "-c", "true")
	bob.must("lock", "acquire", "holder/job") // it was given up at once
	_, code = alice.in("", "lock", "run", "holder/job", "--", "sh", "-c", "exit 3")
	require.Equal(t, 6, code)
}

// onWire is a client of a demo user's.
func (c *cluster) onWire(t *testing.T, name string) *client.Client {
	t.Helper()
	cl, err := client.New(client.Config{Addrs: c.addrs})
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	_, err = cl.LogIn(t.Context(), name, name+"123")
	require.NoError(t, err)
	return cl
}

// A hundred stand in line when the leader dies. They are served in the order in which they came, each once, under fences
// that rise.
func TestR58_ALineOfAHundredIsServedInOrderThoughTheLeaderDies(t *testing.T) {
	t.Parallel()
	c := ownCluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	alice, bob := c.onWire(t, "alice"), c.onWire(t, "bob")
	const name = "line"
	held, err := alice.AcquireLock(ctx, &pb.AcquireLockRequest{Name: name, TtlMs: 3_600_000})
	require.NoError(t, err)
	var tickets []uint64
	for i := range 100 {
		r, err := bob.AcquireLock(ctx, &pb.AcquireLockRequest{Name: name, TtlMs: 3_600_000, WaitMs: 3_600_000})
		require.NoError(t, err)
		require.EqualValues(t, i, r.GetAhead())
		tickets = append(tickets, r.GetTicket())
	}
	c.kill(t, c.leader)
	_, err = alice.ReleaseLock(ctx, name, held.GetLock().GetFence())
	require.NoError(t, err)
	fence := held.GetLock().GetFence()
	for i, ticket := range tickets {
		if i == 50 {
			c.restart(t, c.leader)
		}
		got, err := bob.GetLock(ctx, &pb.GetLockRequest{Name: name, Ticket: ticket, WaitMs: 1000})
		require.NoError(t, err)
		require.True(t, got.GetGranted(), "number %d is next", i)
		require.Greater(t, got.GetLock().GetFence(), fence)
		require.EqualValues(t, 99-i, got.GetLock().GetWaiting())
		fence = got.GetLock().GetFence()
		_, err = bob.ReleaseLock(ctx, name, fence)
		require.NoError(t, err)
	}
	got, err := alice.GetLock(ctx, &pb.GetLockRequest{Name: name})
	require.NoError(t, err)
	require.Zero(t, got.GetLock().GetFence())
}

// A thousand updates, by ten at a time, each on top of the version that its writer read: none is lost and none is twice.
func TestR50_AThousandConcurrentUpdatesWithIfVersionAreAllThere(t *testing.T) {
	c := sharedCluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	id := c.loggedIn(t, "alice").newDocument("advisory", "")
	const writers, each = 10, 100
	var all sync.WaitGroup
	failed := make(chan error, writers)
	for i := range writers {
		cl := c.onWire(t, [...]string{"alice", "bob"}[i%2])
		all.Go(func() {
			for k := range each {
				if err := appendLine(ctx, cl, id, fmt.Sprintf("%d of %d\n", k, i)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	require.NoError(t, <-failed)
	r, err := c.onWire(t, "alice").GetDocument(ctx, &pb.GetDocumentRequest{DocumentId: id})
	require.NoError(t, err)
	require.EqualValues(t, 1+writers*each, r.GetRevision().GetVersion())
	next := [writers]int{}
	for line := range strings.Lines(string(r.GetContent())) {
		var k, i int
		_, err := fmt.Sscanf(line, "%d of %d\n", &k, &i)
		require.NoError(t, err)
		require.Equal(t, next[i], k, "the lines of writer %d are in order", i)
		next[i]++
	}
	for i := range next {
		require.Equal(t, each, next[i])
	}
}

// appendLine adds a line to a document, on top of whichever version is the newest.
func appendLine(ctx context.Context, c *client.Client, id, line string) error {
	for {
		was, err := c.GetDocument(ctx, &pb.GetDocumentRequest{DocumentId: id})
		if err != nil {
			return err
		}
		_, err = c.UpdateDocument(ctx, &pb.UpdateDocumentRequest{DocumentId: id, Content: append(was.GetContent(), line...), IfVersion: was.GetRevision().GetVersion()})
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Reason != "VERSION_CONFLICT" {
			return err
		}
	}
}
