package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/node/internal/process"
)

// llmPid is the process of the LLM server.
func llmPid(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "llm", "pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	require.NoError(t, err)
	return pid
}

// summary asks for one and returns where it is from, and why.
func summary(t *testing.T, clients string) (source, note string) {
	t.Helper()
	out, code := parley(t, clients, "ai", "summarize", "general", "--json")
	require.Zero(t, code, out)
	var j struct{ Summary, Source, Note string }
	require.NoError(t, json.Unmarshal([]byte(out), &j))
	require.NotEmpty(t, j.Summary)
	return j.Source, j.Note
}

// term is the term that the cluster is in.
func term(t *testing.T, clients string) (term uint64) {
	t.Helper()
	out, code := parley(t, clients, "cluster", "status", "--json")
	require.Zero(t, code)
	var j struct{ Term uint64 }
	require.NoError(t, json.Unmarshal([]byte(out), &j))
	return j.Term
}

// The LLM server is stopped and killed, and nobody who writes notices it; it is started again, and ends with the rest.
func TestR79_TheLLMServerOfALocalClusterDiesAndIsStartedAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, _, clients := dev(t, dir, freePorts...)
	d.stderr.await(t, `(?m)^llm\| .*the LLM server is up`)
	send(t, clients, "The release is on Friday.")
	before := term(t, clients)
	source, note := summary(t, clients)
	require.Equal(t, []string{"offline", ""}, []string{source, note})
	info, err := os.Stat(filepath.Join(dir, "llm-secret"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	pid := llmPid(t, dir)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	send(t, clients, "Is it?")
	source, note = summary(t, clients)
	require.Equal(t, "offline", source)
	require.NotEmpty(t, note, "it was not the LLM server that answered")
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	d.stderr.await(t, `(?m)^the LLM server is down: signal: killed\. Texts are made without it; it is started again in 1s$`)
	send(t, clients, "It is.")
	_, note = summary(t, clients)
	require.NotEmpty(t, note)
	d.stderr.await(t, `(?s)the LLM server is up.*the LLM server is up`)
	for tries := 0; note != "" && tries < 20; tries++ { // it is asked again, without anybody doing anything
		time.Sleep(500 * time.Millisecond)
		_, note = summary(t, clients)
	}
	require.Empty(t, note)
	again := llmPid(t, dir)
	require.NotEqual(t, pid, again)
	require.Equal(t, before, term(t, clients), "nobody else has begun to lead")

	require.Zero(t, d.interrupt())
	awaitGone(t, dir)
	require.Eventually(t, func() bool { return syscall.Kill(again, 0) != nil }, waitMax, 10*time.Millisecond)
}

func TestTheLLMServerDoesNotOutliveADevThatIsKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, _, _ := dev(t, dir, append([]string{"--nodes", "1"}, freePorts...)...)
	pid := llmPid(t, dir)
	require.NoError(t, d.cmd.Process.Kill())
	d.wait()
	awaitGone(t, dir)
	require.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, waitMax, 10*time.Millisecond)
}

// A port that nobody asked for is another one if it is taken; one that somebody asked for is his.
func TestTheLLMServersPortIsTheOneThatWasAskedForOrElseAFreeOne(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	_, port, err := net.SplitHostPort(busy.Addr().String())
	require.NoError(t, err)
	_, stderr, code := node("dev", "--dir", filepath.Join(t.TempDir(), "data"), "--nodes", "1", "--client-port", "0", "--peer-port", "0", "--llm-port", port)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "(--llm-port) is in use: stop the program that listens there, or choose another --llm-port")
	_, stderr, code = node("dev", "--dir", filepath.Join(t.TempDir(), "data"), "--llm-port", "70000")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "the last port is 65535")
}

// What a start says of the LLM server is kept, and what is wrong about it is said before anything runs.
func TestANodeIsToldOnceWhereItsLLMServerIs(t *testing.T) {
	dir, s := formed(t)
	require.NotEmpty(t, s.Assistant.Addr)
	require.True(t, filepath.IsAbs(s.Assistant.SecretFile), "it is found from another working directory, too")
	open := filepath.Join(t.TempDir(), "open")
	require.NoError(t, os.WriteFile(open, []byte("0123456789012345678901234567890123456789010"), 0o644))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--llm-addr", "nowhere"}, 2, `--llm-addr: "nowhere" is not HOST:PORT`},
		{[]string{"--llm-addr", "192.0.2.1:50055"}, 2, "in the clear"},
		{[]string{"--llm-secret-file", open}, 2, "chmod 600"},
		{[]string{"--llm-secret-file", filepath.Join(dir, "nothing")}, 2, "no such file"},
		{[]string{"--llm-ca", open}, 2, "holds no certificate"},
		{[]string{"--llm-instructions", filepath.Join(dir, "nothing")}, 2, "folder of instructions"},
	} {
		_, stderr, code := node(append([]string{"start", "--check", "--dir", dir}, c.args...)...)
		require.Equal(t, c.code, code, c.args)
		require.Contains(t, stderr, c.want, c.args)
	}
	for _, args := range [][]string{nil, {"--llm-addr", "none"}, {"--llm-addr", "127.0.0.1:1"}} {
		_, stderr, code := node(append([]string{"start", "--check", "--dir", dir}, args...)...)
		require.Zero(t, code, stderr)
	}
	got, err := process.Load(dir)
	require.NoError(t, err)
	require.Equal(t, s.Assistant, got.Assistant, "to check is not to change")
}

// The LLM server that any program has is without a model; the other backends are in a program of their own.
func TestTheLLMServerOfANodesProgramIsWithoutAModel(t *testing.T) {
	for _, backend := range []string{"gemini", "openai", "local"} {
		_, stderr, code := node("llm", "--backend", backend, "--secret-file", "x")
		require.Equal(t, 2, code)
		require.Contains(t, stderr, "go run ./cmd/llm")
		require.Len(t, strings.Split(strings.TrimSpace(stderr), "\n"), 1)
	}
	_, stderr, code := node("llm", "--backend", "magic", "--secret-file", "x")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "[offline scripted]")
}
