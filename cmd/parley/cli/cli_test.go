package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"parley/cmd/parley/fetch"
	"parley/cmd/parley/keep"
	"parley/raft/node"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// nowhere is an address at which nobody answers.
const nowhere = "127.0.0.1:1"

// home is a directory in which somebody is logged in, as far as the client knows.
var home string

func TestMain(m *testing.M) {
	var err error
	if home, err = os.MkdirTemp("", "parley-cli"); err != nil {
		panic(err)
	}
	err = keep.Dir(home).Update(keep.Default, func(c *keep.Context) {
		c.Credentials = client.Credentials{User: "alice", Login: "login_1", Token: "x"}
	})
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(home)
	os.Exit(code)
}

// env is an environment with nothing but where contexts are kept, and that nobody answers.
func env(dir string) func(string) string {
	vars := map[string]string{"PARLEY_CONFIG_DIR": dir, "PARLEY_ADDRS": nowhere}
	return func(name string) string { return vars[name] }
}

func run(stdin string, args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = Run(context.Background(), args, Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs, Getenv: env(home)})
	return out.String(), errs.String(), code
}

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// What is at stake: `parley --help > page` on a full disk, and a page of nothing that its maker takes for the help. Not even
// the error can be written as JSON then.
func TestAnOutputThatCanNotBeWrittenIsAnErrorOnStderr(t *testing.T) {
	for _, args := range []string{"--help", "help send", "send --help", "channel", "version", "version --json", "--version", "completion bash"} {
		var errs bytes.Buffer
		code := Run(context.Background(), strings.Fields(args), Streams{In: strings.NewReader(""), Out: fullDisk{}, Err: &errs, Getenv: env(home)})
		require.Equal(t, 1, code, args)
		require.Equal(t, "parley: no space left on device\n", errs.String(), args)
	}
}

// Scripts live on exit codes.
func TestExitCodesAreThoseOfTheContract(t *testing.T) {
	for _, c := range []struct {
		err  error
		exit int
		code string
	}{
		{errors.New("anything"), 1, "INTERNAL"},
		{usagef("how"), 2, "USAGE"},
		{&client.Error{Outcome: node.Done, Code: codes.NotFound, Reason: "CHANNEL_NOT_FOUND"}, 3, "CHANNEL_NOT_FOUND"},
		{&client.Error{Outcome: node.Refused, Code: codes.Unauthenticated, Reason: "TOKEN_MISSING"}, 4, "TOKEN_MISSING"},
		{&client.Error{Outcome: node.Done, Code: codes.Unauthenticated, Reason: "LOGIN_ENDED"}, 4, "LOGIN_ENDED"},
		{&client.Error{Outcome: node.Refused, Code: codes.Unauthenticated, Reason: "CREDENTIALS_WRONG"}, 4, "CREDENTIALS_WRONG"},
		{&client.Error{Outcome: node.Done, Code: codes.PermissionDenied, Reason: "NOT_A_MEMBER"}, 5, "NOT_A_MEMBER"},
		{&client.Error{Outcome: node.Done, Code: codes.AlreadyExists, Reason: "USERNAME_TAKEN"}, 6, "USERNAME_TAKEN"},
		{&client.Error{Outcome: node.Done, Code: codes.FailedPrecondition, Reason: "LAST_CHANNEL_ADMIN"}, 6, "LAST_CHANNEL_ADMIN"},
		{&client.Error{Outcome: node.Refused, Code: codes.ResourceExhausted, Reason: "TOO_MANY_ATTEMPTS", RetryAfter: time.Minute}, 7, "TOO_MANY_ATTEMPTS"},
		{&client.Error{Outcome: node.Done, Code: codes.ResourceExhausted, Reason: "QUOTA_EXCEEDED"}, 1, "QUOTA_EXCEEDED"},
		{&client.Error{Outcome: node.Done, Code: codes.InvalidArgument, Reason: "TEXT_EMPTY"}, 1, "TEXT_EMPTY"},
		{&client.Error{Outcome: node.Refused, Code: codes.InvalidArgument, Reason: "TEXT_NOT_UTF8"}, 1, "TEXT_NOT_UTF8"},
		{&client.Error{Outcome: node.Refused, Code: codes.Unavailable, Reason: client.ReasonUnavailable}, 7, "UNAVAILABLE"},
		{&fetch.ExistsError{Path: "x"}, 6, "FILE_EXISTS"},
		{&fetch.BusyError{Path: "x"}, 6, "FILE_BUSY"},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, 1, "FILE"},
		{&keep.OpenError{Path: "x"}, 1, "CREDENTIALS_OPEN"},
		{&keep.UnknownError{Name: "x"}, 3, "CONTEXT_NOT_FOUND"},
		{&client.Error{Outcome: node.Unknown, Reason: client.ReasonOutcomeUnknown}, 8, "OUTCOME_UNKNOWN"},
		{&client.Error{Outcome: node.Refused, Code: codes.AlreadyExists, Reason: "REQUEST_CONFLICT"}, 6, "REQUEST_CONFLICT"},
		{&client.Error{Outcome: node.Refused, Reason: "REQUESTS_FULL"}, 7, "REQUESTS_FULL"},
		{&client.Error{Outcome: node.Refused, Reason: "NOT_YET"}, 7, "NOT_YET"},
		{fmt.Errorf("wrapped: %w", &client.Error{Outcome: node.Unknown, Reason: "OUTCOME_UNKNOWN"}), 8, "OUTCOME_UNKNOWN"},
		{errors.Join(ErrInterrupted, errors.New("interrupt")), 130, "INTERRUPTED"},
	} {
		f := describe(c.err)
		require.Equal(t, c.exit, f.exit, "%v", c.err)
		require.Equal(t, c.code, f.Code, "%v", c.err)
	}
}

func TestMistakesInTheCommandLineAreUsageErrors(t *testing.T) {
	for _, args := range []string{
		"bogus", "--bogus", "send", "send #general", "send #general a b", "send # x", "send @ x",
		"history", "history #general -n 0", "history #general -n x", "history #general --before 0",
		"history #general --before 1 --after 1", "history #general --bogus", "tail", "cluster bogus", "cluster status x",
		"send #general x --addrs nowhere", "send #general x --addrs ,", "send #general x --timeout fast",
		"send #general x --timeout -1s", "send #general x --request-id=", "doc set doc_1", "doc show doc_1 --rev 0", "doc update doc_1 --file - --if-version 0",
		"doc update doc_1 --file - --fence 0", "doc restore doc_1 1 --if-version 0", "ai doc-grammar doc_1 --apply --if-version 0", "lock break x --fence 0", "invite create --uses 0",
		"channel list --joined --all",
	} {
		stdout, stderr, code := run("", strings.Fields(args)...)
		require.Equal(t, 2, code, args)
		require.Empty(t, stdout, args)
		require.True(t, strings.HasPrefix(stderr, "parley: "), args)

		stdout, stderr, code = run("", append(strings.Fields(args), "--json")...)
		require.Equal(t, 2, code, args)
		require.Empty(t, stderr, args)
		var j struct {
			Error struct{ Code, Message, Hint string }
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &j), args)
		require.Equal(t, "USAGE", j.Error.Code, args)
		require.NotEmpty(t, j.Error.Message, args)
	}
}

func TestAClusterThatDoesNotAnswerIsUnavailable(t *testing.T) {
	for _, args := range [][]string{
		{"send", "#general", "x"}, {"history", "#general"}, {"history", "#general", "--stale"},
		{"cluster", "status"}, {"tail", "#general"},
	} {
		_, stderr, code := run("", append(args, "--timeout", "100ms")...)
		require.Equal(t, 7, code, "%v", args)
		require.Contains(t, stderr, "parley: ", args)
	}
	stdout, _, code := run("some text\n", "--json", "--timeout", "100ms", "send", "general", "-")
	require.Equal(t, 7, code)
	require.True(t, strings.HasPrefix(stdout, `{"error":{"code":"UNAVAILABLE","message":"`), stdout)
}

// Whether a log-in happened that nobody answered is not known. It takes no --request-id, so that none is to be recommended.
func TestALogInOfUnknownFateIsToBeDoneAgain(t *testing.T) {
	silent := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		<-s.Context().Done()
		return nil
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = silent.Serve(l) }()
	t.Cleanup(silent.Stop)
	_, stderr, code := run("a password\n", "login", "dora", "--password-stdin", "--addrs", l.Addr().String(), "--timeout", "3s")
	require.Equal(t, 8, code, stderr)
	require.Contains(t, stderr, "log in again")
	require.NotContains(t, stderr, "--request-id")
}

func TestAnInterruptIsExitCode130(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.Join(ErrInterrupted, errors.New("interrupt")))
	var out, errs bytes.Buffer
	code := Run(ctx, []string{"tail", "#general", "--addrs", nowhere}, Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: env(home)})
	require.Equal(t, 130, code)
}

// silence is an input to which nobody writes. It tells when it is read.
type silence struct{ read, end chan struct{} }

func (s silence) Read([]byte) (int, error) {
	close(s.read)
	<-s.end
	return 0, io.EOF
}

// Who presses Ctrl-C where a command waits for him presses it once.
func TestAnInterruptEndsWhatWaitsForItsInput(t *testing.T) {
	for _, args := range []string{"send general -", "edit msg_1 -", "doc create --title T --file -", "login bob --password-stdin", "audit verify -", "ai ask -"} {
		in := silence{make(chan struct{}), make(chan struct{})}
		t.Cleanup(func() { close(in.end) })
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-in.read
			cancel(ErrInterrupted)
		}()
		var out, errs bytes.Buffer
		require.Equal(t, 130, Run(ctx, strings.Fields(args), Streams{In: in, Out: &out, Err: &errs, Getenv: env(home)}), args)
	}
}

// To open a pipe would be to wait for whoever writes to it.
func TestAPipeIsNoFileToBePut(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	_, stderr, code := run("", "file", "put", "general", pipe)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "pipe is no file")
}

func TestTextFromStdinKeepsAllButTheLastNewLine(t *testing.T) {
	a := &app{Streams: Streams{In: strings.NewReader("one\n\ntwo\n\n")}}
	text, err := a.readText(t.Context())
	require.NoError(t, err)
	require.Equal(t, "one\n\ntwo\n", text)

	endless := strings.NewReader(strings.Repeat("x", 2*client.TextBytesMax))
	a.In = endless
	text, err = a.readText(t.Context())
	require.NoError(t, err)
	require.Greater(t, len(text), client.TextBytesMax, "long enough to be refused")
	require.NotZero(t, endless.Len(), "and no more of a mistaken pipe")

	for _, args := range [][]string{{"send", "general", "-"}, {"send", "general", endlessText}} {
		_, stderr, code := run(endlessText, args...)
		require.Equal(t, 1, code, "nobody is asked about it")
		require.Contains(t, stderr, "longer than 131072 bytes; a message may have 16384", "the limit that counts is named")
	}
}

var endlessText = strings.Repeat("x", 300<<10)

func TestColourIsForTerminalsOnly(t *testing.T) {
	a := &app{Streams: Streams{Out: &bytes.Buffer{}, Getenv: env(home)}}
	require.Equal(t, "x", a.style("1")("x"))
}

func TestTheStatusSaysWhatADiskLostAndWhatFollows(t *testing.T) {
	require.Empty(t, damageOf(&pb.NodeStatus{}))
	require.Contains(t, damageOf(&pb.NodeStatus{Hole: 7}), "lost position 7; the other members are asked for it")
	require.Contains(t, damageOf(&pb.NodeStatus{Hole: 7, Lost: 7}), "no member has it any more")
	require.Contains(t, damageOf(&pb.NodeStatus{Floor: 9}), "up to position 9")
}

func TestEveryNodeHasOneStateInTheStatus(t *testing.T) {
	alive := client.NodeStatus{ID: 1, Alive: true}
	for _, c := range []struct {
		s    client.ClusterStatus
		n    client.NodeStatus
		want string
	}{
		{client.ClusterStatus{Cluster: 1, Leader: 1}, alive, "serving"},
		{client.ClusterStatus{Cluster: 1}, alive, "no-leader"},
		{client.ClusterStatus{}, alive, "forming"},
		{client.ClusterStatus{Cluster: 1, Leader: 1}, client.NodeStatus{ID: 2}, "unreachable"},
		{client.ClusterStatus{Cluster: 1, Leader: 1}, client.NodeStatus{ID: 2, Alive: true, Self: &pb.NodeStatus{Hole: 7}}, "damaged"},
		{client.ClusterStatus{Cluster: 1}, client.NodeStatus{ID: 2, Alive: true, Self: &pb.NodeStatus{Floor: 7}}, "damaged"},
	} {
		require.Equal(t, c.want, stateOf(c.s, c.n))
	}
	b, err := json.Marshal(statusOf(client.ClusterStatus{Leader: 1, Term: 2, Nodes: []client.NodeStatus{{ID: 3, Address: "a:1"}}}))
	require.NoError(t, err)
	require.JSONEq(t, `{"leader":1,"term":2,"nodes":[{"id":3,"address":"a:1","role":"unknown","state":"unreachable",
		"commit":0,"applied":0,"lag":0,"version":"","alive":false}]}`, string(b))
}

// The names that scripts and other people's tools rely on.
func TestR97_EveryCommandIsThereAndTellsHowItIsCalled(t *testing.T) {
	for line := range strings.Lines(`
signup login logout whoami passwd shell who watch tail history search send edit unsend edits thread react mentions read sessions
profile set
sessions revoke
user list disable enable grant-admin revoke-admin reset-password
invite create
admin claim sign-up
channel list create join leave members archive unarchive add remove promote demote set
dm send history list
doc create list show edit update history diff restore set share unshare access delete undelete
lock acquire run list release renew break
file put get list delete
cluster status add remove replace transfer
context list use add remove
completion
version
`) {
		words := strings.Fields(line)
		var calls [][]string
		switch {
		case len(words) == 0:
			continue
		case len(words) > 12 && words[0] == "signup":
			for _, w := range words {
				calls = append(calls, []string{w})
			}
		default:
			for _, w := range words[1:] {
				calls = append(calls, []string{words[0], w})
			}
			calls = append(calls, words[:1])
		}
		for _, call := range calls {
			stdout, stderr, code := run("", append(call, "--help")...)
			require.Zero(t, code, call)
			require.Empty(t, stderr, call)
			require.Contains(t, stdout, "Usage:\n  parley "+strings.Join(call, " "), call)
			require.Contains(t, stdout, "--json", call)
		}
	}
}

func TestWhatIsMistypedIsToldInWords(t *testing.T) {
	for line, told := range map[string]string{
		"chanel list":                          `there is no command "chanel"; did you mean channel?`,
		"channel lst":                          `there is no command "lst"; did you mean list, or set?`,
		"nonsense":                             `there is no command "nonsense"` + "\n",
		"history #general -n many":             `--number "many": it is a whole number`,
		"history general --before -1":          `--before "-1": it is a whole number from 0 on`,
		"invite create --uses 99999999999":     `--uses "99999999999": it is out of range`,
		"whoami --addrs=":                      "--addrs is empty",
		"whoami --context=":                    "--context is empty",
		"whoami --addrs :50051":                `--addrs: ":50051" is not HOST:PORT`,
		"whoami --addrs a:99999":               `--addrs: "a:99999" has no port from 1 to 65535`,
		"lock acquire x --ttl soon":            `--ttl "soon": it is a time such as 30s, 10m or 2h`,
		"history #general --stale=perhaps":     `--stale "perhaps": it is true or false`,
		"history #general --timeout -1s":       "--timeout -1s: it is a time such as 10s, or 0 for ever",
		"send #general x --request-id=":        "--request-id is empty",
		"send #general x --request-id= --json": "",
	} {
		_, stderr, code := run("", strings.Fields(line)...)
		require.Equal(t, 2, code, line)
		require.Contains(t, stderr, told, line)
	}
}

// The hint is for the command that was called: cluster backup has neither -o nor --force.
func TestTheHintOfAFileThatExistsNamesOnlyWhatHelps(t *testing.T) {
	require.NotContains(t, describe(&fetch.ExistsError{Path: "x"}).Hint, "--force")
	require.Contains(t, describe(&fetch.ExistsError{Path: "x", MayForce: true}).Hint, "--force")
}

// Whoever asks for nothing that a cluster has to say needs no cluster, and where nobody is logged in no node is asked.
func TestWhereNobodyIsLoggedInNoNodeIsAsked(t *testing.T) {
	nobody := t.TempDir()
	for _, args := range []string{
		"whoami", "channel list", "send general x", "history general", "tail general", "watch", "who", "dm list", "file list general", "logout",
		"user list", "invite create", "search x", "sessions", "read general", "mentions",
	} {
		var out, errs bytes.Buffer
		code := Run(context.Background(), strings.Fields(args), Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: env(nobody)})
		require.Equal(t, 4, code, args)
		require.Equal(t, "parley: Nobody is logged in.\n  log in with: parley login NAME\n", errs.String(), args)
	}
}
