package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"parley/llm/prompt"
	pb "parley/rpc/proto/parley/v1"
)

const testSecret = "0123456789abcdef0123456789abcdef"

// TestMain lets the test's own executable be the command.
func TestMain(m *testing.M) {
	if os.Getenv("PARLEY_TEST_AS_LLM") != "" {
		main()
	}
	os.Exit(m.Run())
}

func secretFile(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(testSecret+"\n"), 0o600))
	return path
}

// A person starts the server, asks it, and stops it by Ctrl-C.
func TestTheServerStartsAnswersAndStops(t *testing.T) {
	cmd := exec.Command(os.Args[0], "--listen", "127.0.0.1:0", "--cache-dir", t.TempDir())
	cmd.Env = append(os.Environ(), "PARLEY_TEST_AS_LLM=1", "PARLEY_LLM_SECRET_FILE="+secretFile(t))
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	require.True(t, lines.Scan(), "it says when it is ready")
	addr, ok := strings.CutPrefix(lines.Text(), "ready ")
	require.True(t, ok, lines.Text())

	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	client := pb.NewModelServiceClient(conn)
	_, err = client.Describe(t.Context(), &pb.DescribeRequest{})
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+testSecret)
	d, err := client.Describe(ctx, &pb.DescribeRequest{})
	require.NoError(t, err)
	require.Equal(t, "offline", d.GetBackend())
	require.False(t, d.GetExternal())

	task := prompt.New(prompt.Reply)
	task.Messages = []prompt.Message{{Speaker: "bob", Text: "Can you review the release notes, please?"}}
	replies, err := prompt.Replies(task, generate(t, ctx, client, task))
	require.NoError(t, err)
	require.Len(t, replies, 3)

	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	require.NoError(t, cmd.Wait(), stderr.String())
	require.NotContains(t, stderr.String(), "release notes")
	require.NotContains(t, stderr.String(), testSecret)
}

func generate(t *testing.T, ctx context.Context, client pb.ModelServiceClient, task prompt.Task) string {
	p, err := prompt.Default().Render(task)
	require.NoError(t, err)
	r := &pb.GenerateRequest{
		Task:   &pb.Task{Kind: pb.TaskKind_TASK_KIND_REPLY, Count: uint32(task.Count), WordsMax: uint32(task.Words)},
		Prompt: &pb.Prompt{Instruction: p.Instruction, Fence: p.Fence},
	}
	for _, m := range task.Messages {
		r.Task.Messages = append(r.Task.Messages, &pb.Utterance{Speaker: m.Speaker, Text: m.Text})
	}
	for _, d := range p.Data {
		r.Prompt.Data = append(r.Prompt.Data, &pb.PromptData{Label: d.Label, Text: d.Text})
	}
	stream, err := client.Generate(ctx, r)
	require.NoError(t, err)
	var text strings.Builder
	for {
		m, err := stream.Recv()
		if err == io.EOF {
			return text.String()
		}
		require.NoError(t, err)
		text.WriteString(m.GetPiece())
	}
}

// An error is one line that says what to do.
func TestMistakesAreToldInOneLine(t *testing.T) {
	secret := secretFile(t)
	open := filepath.Join(t.TempDir(), "open")
	require.NoError(t, os.WriteFile(open, []byte("the-key"), 0o644))
	for _, c := range []struct {
		args []string
		env  map[string]string
		code int
		want string
	}{
		{args: []string{}, code: 1, want: "secret"},
		{args: []string{"more"}, code: 2, want: "unexpected argument"},
		{args: []string{"--nonsense"}, code: 2, want: "see llm --help"},
		{args: []string{"--backend", "magic", "--secret-file", secret}, code: 2, want: "offline"},
		{args: []string{"--backend", "gemini", "--secret-file", secret}, code: 1, want: "GEMINI_API_KEY"},
		{args: []string{"--backend", "gemini", "--secret-file", secret, "--key-file", open}, code: 1, want: "chmod 600"},
		{args: []string{"--backend", "openai", "--secret-file", secret}, code: 1, want: "name the model"},
		{args: []string{"--backend", "local", "--secret-file", secret}, code: 1, want: "GGUF"},
		{args: []string{"--listen", "0.0.0.0:0", "--secret-file", secret}, code: 1, want: "certificate"},
		{env: map[string]string{"PARLEY_LLM_THREADS": "many"}, code: 2, want: "PARLEY_LLM_THREADS"},
	} {
		var stdout, stderr strings.Builder
		code := run(c.args, func(name string) string { return c.env[name] }, &stdout, &stderr)
		require.Equal(t, c.code, code, "%v: %s", c.args, stderr.String())
		require.Contains(t, stderr.String(), c.want)
		require.NotContains(t, stderr.String(), "the-key")
		require.Empty(t, stdout.String())
	}
}
