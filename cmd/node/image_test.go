//go:build image && linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// jail runs a program of an image as the image's user: the root is a folder with the image's files and nothing else, no
// /dev, no /proc, no /etc.
func jail(root, program string, args ...string) *exec.Cmd {
	cmd := exec.Command("/"+program, args...)
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: imageUser, Gid: imageUser}
	} else { // whoever is not root may be it in a namespace of his own
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// imageUser is the one that deploy/Dockerfile names.
const imageUser = 65532

// What is at stake: an image without a shell that does not start says nothing to anybody.
func TestTheImagesProgramsRunWhereThereIsNothingElse(t *testing.T) {
	from := os.Getenv("PARLEY_IMAGE")
	require.NotEmpty(t, from, "PARLEY_IMAGE names the folder that .ci/image makes")
	dockerfile, err := os.ReadFile("../../deploy/Dockerfile")
	require.NoError(t, err)
	require.Contains(t, string(dockerfile), fmt.Sprintf("USER %d:%d\n", imageUser, imageUser))

	root := filepath.Join(t.TempDir(), "root")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "data"), 0o755))
	for dir := root; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		_ = os.Chmod(dir, 0o755) // those that are not ours are open already
	}
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(filepath.Join(root, "data"), imageUser, imageUser))
	}
	for _, program := range []string{"node", "parley"} {
		text, err := os.ReadFile(filepath.Join(from, program))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, program), text, 0o755))
		out, err := jail(root, program, "version").CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "linux/")
	}

	var addrs []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		addrs = append(addrs, l.Addr().String())
		require.NoError(t, l.Close())
	}
	node := jail(root, "node", "start", "--dir", "/data/node", "--id", "1", "--client-addr", addrs[0], "--peer-addr", addrs[1],
		"--cluster", "1="+addrs[1], "--http-addr", addrs[2], "--demo-users", "--bcrypt-cost", "4", "--log-format", "json")
	var log bytes.Buffer
	node.Stderr = &log
	require.NoError(t, node.Start())
	t.Cleanup(func() { _ = node.Process.Kill() })
	get := func(path string) (string, bool) {
		a, err := http.Get("http://" + addrs[2] + path)
		if err != nil {
			return "", false
		}
		defer a.Body.Close()
		text, err := io.ReadAll(a.Body)
		return string(text), err == nil && a.StatusCode == http.StatusOK
	}
	require.Eventually(t, func() bool { _, ok := get("/readyz"); return ok }, waitMax, 20*time.Millisecond, "%s", &log)
	numbers, ok := get("/metrics")
	require.True(t, ok)
	require.Contains(t, numbers, "parley_raft_role{role=\"leader\"} 1\n")

	login := jail(root, "parley", "--addrs", addrs[0], "login", "alice", "--password-stdin")
	login.Env, login.Stdin = []string{"PARLEY_CONFIG_DIR=/data/client"}, strings.NewReader("alice123\n")
	require.Eventually(t, func() bool { // the users of dev mode come a moment after the first leader
		again := *login
		again.Stdin = strings.NewReader("alice123\n")
		return again.Run() == nil
	}, waitMax, 100*time.Millisecond)
	send := jail(root, "parley", "--addrs", addrs[0], "send", "general", "hello", "--json")
	send.Env = login.Env
	out, err := send.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), `"position"`)

	require.NoError(t, node.Process.Signal(syscall.SIGTERM))
	require.NoError(t, node.Wait(), "%s", &log)
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Len(t, entries, 3, "data, node, parley")
}
