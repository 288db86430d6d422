package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/cmd/node/internal/process"
)

// node runs a command that ends by itself, in this process.
func node(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return out.String(), errs.String(), code
}

// formed makes a directory in which a cluster of one node ran and stopped.
func formed(t *testing.T) (dir string, s process.Settings) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	d, _, _ := dev(t, data, append([]string{"--nodes", "1"}, freePorts...)...)
	require.Zero(t, d.interrupt())
	dir = filepath.Join(data, "node-1")
	s, err := process.Load(dir)
	require.NoError(t, err)
	return dir, s
}

// Whoever meets one of these has no time for a stack trace: one line says
// what happened, where, and what to do, and nothing is changed.
func TestStartUpErrorsAreOneLineThatSaysWhatToDo(t *testing.T) {
	dir, s := formed(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	fresh := filepath.Join(t.TempDir(), "fresh")
	addrs := free(t, 2)
	first := func(id int, dir, client, peer, cluster string) []string {
		return []string{"start", "--id", fmt.Sprint(id), "--dir", dir, "--client-addr", client, "--peer-addr", peer, "--cluster", cluster}
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"unknown flag":     {[]string{"start", "--bogus"}, 2, "unknown flag: --bogus: see node start --help"},
		"unknown command":  {[]string{"bogus"}, 2, `unknown command "bogus" for "node": see node --help`},
		"stray argument":   {[]string{"dev", "bogus"}, 2, `unexpected argument "bogus": see node dev --help`},
		"no directory":     {[]string{"start"}, 2, "--dir is missing"},
		"new and bare":     {[]string{"start", "--dir", fresh}, 2, "holds no node yet, and --id and --client-addr and --peer-addr and --cluster is missing"},
		"bad cluster":      {first(1, fresh, addrs[0], addrs[1], "1:x"), 2, `--cluster: "1:x" is not ID=HOST:PORT`},
		"id twice":         {first(1, fresh, addrs[0], addrs[1], "1=a:1,1=b:1"), 2, "names node 1 twice"},
		"address twice":    {first(1, fresh, addrs[0], addrs[1], "1="+addrs[1]+",2="+addrs[1]), 2, "--cluster has nodes 1 and 2 at " + addrs[1] + ": give each node an address of its own"},
		"no such port":     {first(1, fresh, "127.0.0.1:99999", addrs[1], "1="+addrs[1]), 2, `--client-addr: "127.0.0.1:99999" has no port from 0 to 65535`},
		"no number":        {[]string{"start", "--dir", fresh, "--id", "-1"}, 2, `--id "-1": it is a whole number from 0 on: see node start --help`},
		"dev, no port":     {[]string{"dev", "--dir", fresh + "-dev", "--client-port", "-1"}, 2, "--client-port -1: a port is a number from 1 to 65535, or 0 for any that is free"},
		"dev, no cost":     {[]string{"dev", "--dir", fresh + "-dev", "--bcrypt-cost", "99"}, 2, "--bcrypt-cost: bcrypt cost 99"},
		"dev, no segment":  {[]string{"dev", "--dir", fresh + "-dev", "--segment-mib", "2000"}, 2, "--segment-mib 2000: a file of the log has 1 to 1024 MiB"},
		"dev, one for two": {[]string{"dev", "--dir", fresh + "-dev", "--client-port", "52051", "--peer-port", "52053"}, 2, "--client-port and --peer-port both give 127.0.0.1:52053 to a node"},
		"not a member":     {first(4, fresh, addrs[0], addrs[1], "1="+addrs[1]), 2, "node 4 is not in --cluster: add 4="},
		"another own":      {first(1, fresh, addrs[0], addrs[1], "1="+busy.Addr().String()), 2, "--peer-addr " + addrs[1] + " and --cluster contradict one another: there node 1 is at " + busy.Addr().String()},
		"no help for it":   {[]string{"help", "bogus"}, 2, `there is no command "bogus": see node --help`},
		"bad address":      {first(1, fresh, "nowhere", addrs[1], "1="+addrs[1]), 2, `--client-addr: "nowhere" is not HOST:PORT`},
		"one for two":      {first(1, fresh, addrs[0], addrs[0], "1="+addrs[0]), 2, "--peer-addr and --client-addr both name " + addrs[0] + ": give each a port of its own"},
		"one for two more": {append(first(1, fresh, addrs[0], addrs[1], "1="+addrs[1]), "--http-addr", addrs[0]), 2, "--client-addr and --http-addr both name " + addrs[0]},
		"not ours":         {append(first(1, fresh, "192.0.2.1:1", addrs[1], "1="+addrs[1]), "--insecure"), 1, "none of this machine's"},
		"in the clear":     {first(1, fresh, "0.0.0.0:1", addrs[1], "1="+addrs[1]), 2, "0.0.0.0:1 (--client-addr) can be reached from other machines"},
		"half of TLS":      {append(first(1, fresh, addrs[0], addrs[1], "1="+addrs[1]), "--tls-cert", file), 2, "belong together, and --tls-key is missing"},
		"TLS and insecure": {append(first(1, fresh, addrs[0], addrs[1], "1="+addrs[1]), "--tls-cert", file, "--tls-key", file, "--tls-ca", file, "--insecure"), 2, "contradict one another"},
		"no certificate":   {append(first(1, fresh, addrs[0], addrs[1], "1="+addrs[1]), "--tls-cert", file, "--tls-key", file, "--tls-ca", file), 1, file + " holds no certificate in PEM"},
		"no secret":        {append(first(1, fresh, addrs[0], addrs[1], "1="+addrs[1]), "--secret-file", file), 1, file + " does not hold a secret"},
		"client port busy": {first(1, fresh, busy.Addr().String(), addrs[1], "1="+addrs[1]), 1, busy.Addr().String() + " (--client-addr) is in use: stop the program that listens there"},
		"peer port busy":   {first(1, fresh, addrs[0], busy.Addr().String(), "1="+busy.Addr().String()), 1, busy.Addr().String() + " (--peer-addr) is in use: stop the program that listens there"},
		"a file":           {first(1, file, addrs[0], addrs[1], "1="+addrs[1]), 1, "is no directory"},
		"another node":     {[]string{"start", "--dir", dir, "--id", "2"}, 1, "is the directory of node 1, not of node 2: choose another --dir"},
		"another cluster":  {[]string{"start", "--dir", dir, "--cluster", "1=127.0.0.1:1,2=127.0.0.1:2"}, 1, "is the directory of another cluster (" + s.ClusterFlag() + ")"},
		"another address":  {[]string{"start", "--dir", dir, "--client-addr", "127.0.0.1:1"}, 1, "was started with --client-addr " + s.ClientAddr + ", not 127.0.0.1:1"},
		"dev, other size":  {[]string{"dev", "--dir", filepath.Dir(dir), "--nodes", "3"}, 1, "holds a cluster of 1 nodes, not 3"},
		"dev, other port":  {[]string{"dev", "--dir", filepath.Dir(dir), "--client-port", "1"}, 1, "leave --client-port out"},
		"dev, none":        {[]string{"dev", "--dir", fresh + "-dev", "--nodes", "0"}, 2, "a local cluster has 1 to 9 nodes"},
		"dev, too large":   {[]string{"dev", "--dir", fresh + "-dev", "--nodes", "1000"}, 2, "a local cluster has 1 to 9 nodes"},
		"dev, both":        {[]string{"dev", "--dir", fresh, "--ephemeral"}, 2, "leave one out"},
		"inspect nothing":  {[]string{"inspect", fresh}, 1, "there is no directory"},
		"inspect no node":  {[]string{"inspect", t.TempDir()}, 1, "holds no node"},
		"inspect what":     {[]string{"inspect"}, 2, "name one data directory"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := node(c.args...)
			require.Equal(t, c.code, code, stderr)
			require.Empty(t, stdout)
			require.Contains(t, stderr, c.want)
			require.Regexp(t, `^node: [^\n]+\n$`, stderr)
		})
	}
	require.NoDirExists(t, fresh, "a start that fails makes nothing")
	stdout, stderr, code := node("start", "--dir", dir, "--check")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "node 1 can start")
}

func TestADirectoryInUseIsLeftAlone(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	d, _, clients := dev(t, data, freePorts...)
	for _, c := range []struct{ args, want string }{
		{"dev --dir " + data, data + " is in use by process " + fmt.Sprint(d.cmd.Process.Pid)},
		{"inspect " + filepath.Join(data, "node-1"), "is in use by process " + fmt.Sprint(pidOf(t, data, "1"))},
		// Its ports are taken, too, and that is not what is the matter.
		{"start --dir " + filepath.Join(data, "node-1"), "is in use by process " + fmt.Sprint(pidOf(t, data, "1"))},
		{"start --check --dir " + filepath.Join(data, "node-1"), "is in use by process " + fmt.Sprint(pidOf(t, data, "1"))},
	} {
		_, stderr, code := node(strings.Fields(c.args)...)
		require.Equal(t, 1, code)
		require.Contains(t, stderr, c.want)
	}
	send(t, clients, "undisturbed")
	require.Zero(t, d.interrupt())
}

// damaged copies a directory and spoils the copy.
func TestADirectoryThatIsNotWhatItWasIsRefused(t *testing.T) {
	dir, _ := formed(t)
	other, _ := formed(t)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"emptied": {func(t *testing.T, dir string) {
			for _, name := range []string{"identity", "wal"} {
				require.NoError(t, os.RemoveAll(filepath.Join(dir, name)))
			}
		}, "was emptied"},
		"log gone": {func(t *testing.T, dir string) {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "wal")))
		}, "its log is gone"},
		"newer settings": {func(t *testing.T, dir string) {
			path := filepath.Join(dir, "node.json")
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			var s map[string]any
			require.NoError(t, json.Unmarshal(data, &s))
			s["version"] = 99
			data, err = json.Marshal(s)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, data, 0o600))
		}, "was written by a newer release (version 99, this one reads 1): run that release"},
		"settings no JSON": {func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "node.json"), []byte("{"), 0o600))
		}, "is no settings file"},
		"identity rotten": {func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "identity"), func(b []byte) { b[20] ^= 1 })
		}, "identity of this directory is damaged: leave this node down"},
		"identity gone, log there": {func(t *testing.T, dir string) {
			for _, name := range []string{"identity", "node.json"} {
				require.NoError(t, os.Remove(filepath.Join(dir, name)))
			}
		}, "--id and"},
		"identity of another node": {func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "identity"), func(b []byte) {
				binary.LittleEndian.PutUint64(b[12:], 2) // its own id
				binary.LittleEndian.PutUint64(b[28:], 0) // not formed: nobody says who the members are
				end := len(b) - 4
				binary.LittleEndian.PutUint32(b[end:], checksum(b[:end]))
			})
		}, "this directory belongs to node 2, not 1"},
		"log of another cluster": {func(t *testing.T, dir string) {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "wal")))
			require.NoError(t, os.CopyFS(filepath.Join(dir, "wal"), os.DirFS(filepath.Join(other, "wal"))))
		}, "belongs to cluster"},
		"newer identity": {func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "identity"), func(b []byte) {
				binary.LittleEndian.PutUint32(b[8:], 9)
				end := len(b) - 4
				binary.LittleEndian.PutUint32(b[end:], checksum(b[:end]))
			})
		}, "written by a newer Parley: upgrade this program (identity format 9"},
		"newer log": {func(t *testing.T, dir string) {
			edit(t, firstSegment(t, dir), func(b []byte) {
				for _, header := range [][]byte{b, b[4096:]} {
					binary.LittleEndian.PutUint32(header[8:], 9)
					binary.LittleEndian.PutUint32(header[12:], checksum(header[:12]))
				}
			})
		}, "written by a newer Parley: format 9, this build reads up to 2: run that release"},
		"log rotten": {func(t *testing.T, dir string) {
			edit(t, firstSegment(t, dir), func(b []byte) { clear(b) })
		}, "the end of the log is lost: segment 1, offset 0: header"},
		"lock held": {func(t *testing.T, dir string) {
			claim, err := process.Claim(filepath.Join(dir, "pid"))
			require.NoError(t, err)
			t.Cleanup(claim.Release)
		}, "is in use by process"},
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "node-1")
			require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
			c.spoil(t, copied)
			before := snapshot(t, copied)
			_, stderr, code := node("start", "--dir", copied)
			refused := 1
			if strings.Contains(stderr, " is missing: a first start needs ") {
				refused = 2 // for all that shows, the call lacks something
			}
			require.Equal(t, refused, code, stderr)
			require.Contains(t, stderr, c.want)
			require.Regexp(t, `^node: [^\n]+\n$`, stderr)
			_, checked, code := node("start", "--dir", copied, "--check")
			require.Equal(t, refused, code, "--check says whether start would start")
			require.Equal(t, stderr, checked, "in the same words")
			require.Equal(t, before, snapshot(t, copied), "nothing was harmed")
		})
	}
}

// edit changes a file in place.
func edit(t *testing.T, path string, change func([]byte)) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	change(data)
	require.NoError(t, os.WriteFile(path, data, 0o600))
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func firstSegment(t *testing.T, dir string) string {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "wal", "*.wal"))
	require.NoError(t, err)
	require.NotEmpty(t, segments)
	return segments[0]
}

// snapshot returns the content of every file of a directory but the pid file.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "pid" || e.Name() == "lock" {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	}))
	return files
}
