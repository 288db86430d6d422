package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/node/internal/process"
	"parley/cmd/node/internal/recovery"
)

// At stake: two of three machines burn. What was acknowledged and reached the third is there, the cluster grows again,
// and a machine that turns out not to have burnt does no harm.
func TestTwoOfThreeNodesAreLostAndTheThirdGoesOnWithAllThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	t.Cleanup(func() { stopAll(t, dir) })
	a := free(t, 10)
	cluster := fmt.Sprintf("1=%s,2=%s,3=%s", a[0], a[2], a[4])
	var nodes []*proc
	for i := range 3 {
		nodes = append(nodes, launch(t, "start", "--id", fmt.Sprint(i+1), "--dir", filepath.Join(dir, fmt.Sprintf("node-%d", i+1)),
			"--peer-addr", a[2*i], "--client-addr", a[2*i+1], "--cluster", cluster))
	}
	all := strings.Join([]string{a[1], a[3], a[5]}, ",")
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprintf("message %d", i))
		send(t, all, want[i])
	}
	once := []string{"send", "#general", "once", "--request-id", "r1", "--json"}
	first, code := parley(t, all, once...)
	require.Zero(t, code)
	want = append(want, "once")
	require.Equal(t, want, texts(t, a[1]), "all of it reached node 1")

	now := strings.Join([]string{a[1], a[7], a[9]}, ",")
	survivor := filepath.Join(dir, "node-1")
	_, errs, code := node("recover", "--dir", survivor, "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "is in use by process")
	for _, p := range nodes {
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGKILL))
		p.wait()
	}
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "node-2")))

	before := contents(t, survivor)
	report, errs, code := node("recover", "--dir", survivor)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "nothing was changed")
	require.Regexp(t, `(?m)^given up +node 2, incarnation [0-9a-f]{16}, peers `+a[2]+`, clients `+a[3]+`$`, report)
	require.Regexp(t, `(?m)^certain +no snapshot`, report)
	require.Regexp(t, `(?m)^in doubt +entries 1 to \d+`, report)
	require.Equal(t, before, contents(t, survivor))

	report, errs, code = node("recover", "--dir", survivor, "--yes")
	require.Zero(t, code, errs)
	kept := regexp.MustCompile(`it is kept as (\S+)\.\n`).FindStringSubmatch(report)
	require.NotNil(t, kept, report)
	require.Equal(t, before, contents(t, kept[1]), "nothing of the old is destroyed")
	require.Equal(t, mustRead(t, filepath.Join(kept[1], "cluster-secret")), mustRead(t, filepath.Join(survivor, "cluster-secret")))
	require.Equal(t, os.FileMode(0o600), modeOf(t, filepath.Join(survivor, "cluster-secret")))

	one := launch(t, "start", "--dir", survivor)
	require.Equal(t, want, texts(t, a[1]))
	again, code := parley(t, a[1], once...)
	require.Zero(t, code)
	require.Equal(t, first, again, "the request is remembered")
	seen := make(chan string, 100)
	go tailTexts(t, asAlice(t, strings.Split(now, ",")...), seen) // tokens of the old cluster are for no other
	for _, text := range want {
		require.Equal(t, text, <-seen)
	}

	// A machine that was given up comes back, on its old directory. It knows the way to node 1 and is turned away.
	back := launch(t, "start", "--dir", filepath.Join(dir, "node-3"))
	one.stderr.await(t, `msg="refused a peer".*cluster`)
	join(t, dir, "4", a[6], a[7])
	join(t, dir, "5", a[8], a[9])
	for i, id := range []string{"4", "5"} {
		out, code := parley(t, a[1], "cluster", "add", "--id", id, "--peer-addr", a[6+2*i], "--client-addr", a[7+2*i])
		require.Zero(t, code, out)
	}
	awaitStatus(t, now, `(?m)^5 .* follower +serving`)
	for i := range 5 {
		want = append(want, fmt.Sprintf("afterwards %d", i))
		send(t, now, want[len(want)-1])
		require.Equal(t, want[len(want)-1], <-seen, "the tail goes on, without a gap or a repetition")
	}
	require.Equal(t, want, texts(t, a[9]))
	status, _ := parley(t, now, "cluster", "status")
	require.False(t, regexp.MustCompile(`(?m)^3 `).MatchString(status), status)
	_, code = parley(t, a[5], "--timeout", "1s", "send", "#general", "to nobody")
	require.NotZero(t, code, "the old node takes nothing alone")

	// The new cluster survives what the old one did.
	require.NoError(t, one.cmd.Process.Kill())
	send(t, now, "without node 1")
	require.Equal(t, append(want, "without node 1"), texts(t, a[7]))
	require.Zero(t, back.interrupt())
}

// contents are all files below a directory, but for the process id.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "pid" {
			return err
		}
		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(data)
		return err
	}))
	require.NotEmpty(t, files)
	return files
}

// A decision that cannot be taken back is not taken by a slip of the finger.
func TestARecoveryIsConfirmedByTypingTheIDOfTheClusterThatIsGivenUp(t *testing.T) {
	t.Parallel()
	dir, _ := formed(t)
	var out, asked bytes.Buffer
	run := func(answer string) error {
		out.Reset()
		asked.Reset()
		return recovery.Run(context.Background(), recovery.Options{Dir: dir}, &out, recovery.Terminal{In: strings.NewReader(answer), Out: &asked})
	}
	before := contents(t, dir)
	for _, answer := range []string{"", "\n", "yes\n", "0000000000000001\n"} {
		require.ErrorIs(t, run(answer), recovery.ErrNotConfirmed, "%q", answer)
		require.Equal(t, before, contents(t, dir))
	}
	require.ErrorIs(t, recovery.Run(context.Background(), recovery.Options{Dir: dir}, &out, recovery.Terminal{}), recovery.ErrNotConfirmed)

	// A report that went to a full disk was read by nobody.
	full, write := io.Pipe()
	require.NoError(t, full.CloseWithError(syscall.ENOSPC))
	err := recovery.Run(context.Background(), recovery.Options{Dir: dir, Yes: true}, write, recovery.Terminal{})
	require.ErrorIs(t, err, recovery.ErrNotConfirmed)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, before, contents(t, dir))
	id := regexp.MustCompile(`(?m)^old cluster +([0-9a-f]{16}), term \d+$`).FindStringSubmatch(out.String())
	require.NotNil(t, id, out.String())
	require.NoError(t, run(id[1]+"\n"))
	require.Contains(t, asked.String(), id[1])
	require.Equal(t, before, contents(t, dir+".before-recovery-"+id[1]))

	s, err := process.Load(dir)
	require.NoError(t, err)
	require.Equal(t, []process.Member{{ID: s.ID, PeerAddr: s.PeerAddr}}, s.Cluster)
	require.NoError(t, run(regexp.MustCompile(`is the start of cluster ([0-9a-f]{16}) now`).FindStringSubmatch(out.String())[1]), "it can be done again")
}

func TestMistakesInARecoveryAreNamedAndAnInterruptedOneIsFinished(t *testing.T) {
	t.Parallel()
	dir, s := formed(t)
	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{nil, 2, "--dir is missing"},
		{[]string{"x"}, 2, "unexpected argument"},
		{[]string{"--dir", filepath.Join(dir, "nowhere"), "--yes"}, 1, "there is no directory"},
		{[]string{"--dir", filepath.Join(dir, "no", "where"), "--yes"}, 1, "there is no directory"},
		{[]string{"--dir", t.TempDir(), "--yes"}, 1, "belongs to no cluster yet"},
		{[]string{"--dir", "/", "--yes"}, 1, "can't be a data directory"},
	} {
		_, errs, code := node(append([]string{"recover"}, c.args...)...)
		require.Equal(t, c.exit, code, "%v: %s", c.args, errs)
		require.Contains(t, errs, c.says)
		require.Equal(t, 1, strings.Count(errs, "\n"), "one line: %s", errs)
	}

	// Between the two renames of a recovery there is no directory. Nobody may begin a new node in its place.
	_, errs, code := node("recover", "--dir", dir, "--yes")
	require.Zero(t, code, errs)
	require.NoError(t, os.Rename(dir, dir+".recovering"))
	_, errs, code = node("start", "--id", "1", "--dir", dir, "--client-addr", s.ClientAddr, "--peer-addr", s.PeerAddr, "--cluster", "1="+s.PeerAddr)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "a recovery of "+dir+" was interrupted: node recover --dir "+dir+" finishes it")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	_, errs, code = node("start", "--dir", link)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "was interrupted")
	out, errs, code := node("recover", "--dir", link)
	require.Zero(t, code, errs)
	require.Contains(t, out, "it is complete now")
	p := launch(t, "start", "--dir", dir)
	p.stderr.await(t, `msg="node is up"`)
	require.Eventually(t, func() bool {
		out, code := parley(t, s.ClientAddr, "cluster", "status")
		return code == 0 && strings.Contains(out, "leader")
	}, waitMax, 50*time.Millisecond)
	require.Zero(t, p.interrupt())
}

// A rotten entry in the survivor's log: what it costs is said, and taken only with a flag.
func TestASurvivorThatLostEntriesIsRecoveredOnlyIfThatIsAccepted(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	d, _, clients := dev(t, data, append([]string{"--nodes", "1"}, freePorts...)...)
	for _, text := range []string{"good", "rotten", "behind it"} {
		send(t, clients, text)
	}
	require.Zero(t, d.interrupt())
	dir := filepath.Join(data, "node-1")
	segments, err := filepath.Glob(filepath.Join(dir, "wal", "*.wal"))
	require.NoError(t, err)
	for _, name := range segments {
		p, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(name, bytes.ReplaceAll(p, []byte("rotten"), []byte("rottem")), 0o600))
	}
	report, errs, code := node("recover", "--dir", dir, "--yes")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "--accept-damage accepts it")
	require.Regexp(t, `(?m)^LOST +entries \d+ to \d+$`, report)
	_, errs, code = node("recover", "--dir", dir, "--yes", "--accept-damage")
	require.Zero(t, code, errs)
	p := launch(t, "start", "--dir", dir)
	require.Equal(t, []string{"good"}, texts(t, clients))
	require.Zero(t, p.interrupt())
}
