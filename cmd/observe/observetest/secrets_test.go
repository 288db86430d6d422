package observetest

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// The marks: what is secret is in nothing at all that a cluster shows, and what people wrote or are called in nothing that
// operators see. Both are good names of users and channels.
const (
	secretMark = "xyzzysecret"
	textMark   = "plughtext"
)

// methods are all of all services that a node serves.
func methods() (all []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("parley.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			if string(s.FullName()) == pb.ModelService_ServiceDesc.ServiceName {
				continue // it is the model server's
			}
			for j := range s.Methods().Len() {
				all = append(all, s.Methods().Get(j))
			}
		}
		return true
	})
	return all
}

// fill gives every field of a message a value, text and bytes a mark.
func fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Name() == "command" {
			m.Set(f, protoreflect.ValueOfMessage((&pb.CommandContext{RequestId: fmt.Sprintf("request-%d-%p", i, m)}).ProtoReflect()))
			continue
		}
		value := func() (v protoreflect.Value, ok bool) {
			mark := textMark
			for _, word := range []string{"password", "secret", "token", "code", "invite"} {
				if strings.Contains(string(f.Name()), word) {
					mark = secretMark
				}
			}
			switch f.Kind() {
			case protoreflect.StringKind:
				return protoreflect.ValueOfString(mark), true
			case protoreflect.BytesKind:
				return protoreflect.ValueOfBytes([]byte(mark)), true
			case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
				return protoreflect.ValueOfUint64(77), true
			case protoreflect.Uint32Kind:
				return protoreflect.ValueOfUint32(77), true
			case protoreflect.BoolKind:
				return protoreflect.ValueOfBool(true), true
			case protoreflect.EnumKind:
				return protoreflect.ValueOfEnum(1), true
			}
			return v, false
		}
		switch {
		case f.IsMap():
		case f.Kind() == protoreflect.MessageKind && depth > 3:
		case f.IsList() && f.Kind() == protoreflect.MessageKind:
			fill(m.Mutable(f).List().AppendMutable().Message(), depth+1)
		case f.IsList():
			if v, ok := value(); ok {
				m.Mutable(f).List().Append(v)
			}
		case f.Kind() == protoreflect.MessageKind:
			fill(m.Mutable(f).Message(), depth+1)
		default:
			if v, ok := value(); ok {
				m.Set(f, v)
			}
		}
	}
}

// drive calls a method, and returns what it was told.
func drive(ctx context.Context, conn *grpc.ClientConn, m protoreflect.MethodDescriptor) string {
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	desc := &grpc.StreamDesc{ClientStreams: m.IsStreamingClient(), ServerStreams: m.IsStreamingServer()}
	s, err := conn.NewStream(ctx, desc, fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()))
	if err != nil {
		return err.Error()
	}
	request, response := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	fill(request, 0)
	if err := s.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	_ = s.CloseSend() // what went wrong, RecvMsg says
	if err := s.RecvMsg(response); err != nil {
		return err.Error()
	}
	return ""
}

// file is what a test uploads.
type file struct{ *strings.Reader }

func (f file) Size() int64 { return f.Reader.Size() }

// live has two people do what people do, with marked names, texts and passwords.
func live(t *testing.T, c *Cluster, o Options) (alice, bob *client.Client) {
	ctx := t.Context()
	ok := func(_ any, err error) {
		t.Helper()
		require.NoError(t, err)
	}
	nobody := c.Client(client.Config{})
	for _, name := range []string{textMark + "ann", textMark + "bob"} {
		ok(nobody.SignUp(ctx, &pb.SignUpRequest{Username: name, Email: name + "@example.org", DisplayName: textMark, Password: secretMark + "-password"}))
	}
	alice, bob = c.Client(client.Config{Name: textMark}), c.Client(client.Config{})
	ok(alice.LogIn(ctx, textMark+"ann", secretMark+"-password"))
	ok(bob.LogIn(ctx, textMark+"bob", secretMark+"-password"))
	_, err := c.Client(client.Config{}).LogIn(ctx, textMark+"ann", secretMark+"-wrong")
	require.Error(t, err)
	require.NotContains(t, err.Error(), secretMark)
	ok(alice.ClaimAdmin(ctx, o.Token.(*memory).text()))
	ok(alice.ChangePassword(ctx, secretMark+"-password", secretMark+"-second"))
	ok(bob.LogIn(ctx, textMark+"bob", secretMark+"-password"))

	ok(alice.CreateChannel(ctx, &pb.CreateChannelRequest{Name: textMark, Description: textMark}))
	ok(bob.JoinChannel(ctx, "#"+textMark))
	sent, err := alice.Send(ctx, "#"+textMark, textMark+" @"+textMark+"bob")
	require.NoError(t, err)
	ok(alice.Send(ctx, "@"+textMark+"bob", textMark))
	ok(alice.Edit(ctx, sent.GetId(), textMark+" edited"))
	ok(bob.Search(ctx, &pb.SearchRequest{Query: textMark}))
	ok(bob.History(ctx, &pb.HistoryRequest{Place: "#" + textMark}))
	up, err := alice.Upload(ctx, "#"+textMark, file{strings.NewReader(textMark + " content")}, nil)
	require.NoError(t, err)
	ok(alice.PostFile(ctx, &pb.PostFileRequest{Place: "#" + textMark, Sha256: up.GetSha256(), Size: up.GetSize(), Name: textMark + ".txt", Description: textMark}))
	doc, err := alice.CreateDocument(ctx, &pb.CreateDocumentRequest{Title: textMark, Content: []byte(textMark), Note: textMark, LockMode: pb.LockMode_LOCK_MODE_ADVISORY})
	require.NoError(t, err)
	ok(alice.UpdateDocument(ctx, &pb.UpdateDocumentRequest{DocumentId: doc.GetDocument().GetId(), Content: []byte(textMark + " 2"), Note: textMark}))
	ok(alice.AcquireLock(ctx, &pb.AcquireLockRequest{Name: textMark}))
	ok(alice.CreateInvite(ctx, &pb.CreateInviteRequest{Code: secretMark + "invite0123456789"}))
	ok(alice.CreateReset(ctx, textMark+"bob", secretMark+"reset00123456789"))
	ok(nobody.ResetPassword(ctx, textMark+"bob", secretMark+"reset00123456789", secretMark+"-third"))
	ok(bob.LogIn(ctx, textMark+"bob", secretMark+"-third"))
	return alice, bob
}

// memory is where the cluster leaves the token of its first admin.
type memory struct{ Lines }

func (m *memory) Write(token string) error {
	_, err := m.Lines.Write([]byte(token))
	return err
}

func (m *memory) Remove() error { return nil }

func (m *memory) text() string { return m.String() }

// What is at stake: logs, metrics and traces are copied to where nobody logs in, and kept for years.
func TestR94_NothingSecretAndNothingThatPeopleWroteIsInLogsMetricsOrTraces(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50") // milliseconds between batches
	sink := Collect(t)
	o := Options{Collector: sink.Addr, Level: slog.LevelDebug, Token: new(memory)}
	c := Start(t, 3, o)
	admin, user := live(t, c, o)

	var answers []string
	called := map[string]bool{}
	for _, who := range []*client.Client{nil, user, admin} {
		for i, n := range c.Nodes {
			conn, err := grpc.NewClient(n.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
			require.NoError(t, err)
			for j, m := range methods() {
				ctx := t.Context()
				if who != nil {
					ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+who.Credentials().Token)
				}
				if leads := n == c.Leader(); !leads && j%3 != i {
					continue // some at each follower
				}
				answers = append(answers, drive(ctx, conn, m))
				called[string(m.FullName())] = true
			}
			require.NoError(t, conn.Close())
		}
	}
	for _, m := range methods() {
		require.True(t, called[string(m.FullName())])
	}

	shown := map[string]string{"answers": strings.Join(answers, "\n")}
	for i, n := range c.Nodes {
		shown[fmt.Sprint("log of node ", i+1)] = n.Log.String()
		shown[fmt.Sprint("metrics of node ", i+1)] = n.Scrape()
		require.Contains(t, n.Log.String(), "msg=call", "the log has a line for each call")
	}
	require.Eventually(t, func() bool { return len(sink.Spans()) > 100 }, awaitMax, 50*time.Millisecond)
	var spans strings.Builder
	for _, s := range sink.Spans() {
		spans.WriteString(prototext.MarshalOptions{Multiline: true}.Format(proto.Message(s.Span)) + "\n")
	}
	shown["spans"] = spans.String()

	secrets := []string{secretMark, base64.StdEncoding.EncodeToString([]byte(secretMark))[:12], hex.EncodeToString([]byte(secretMark)), o.Token.(*memory).text()}
	for _, cl := range []*client.Client{admin, user} {
		parts := strings.Split(cl.Credentials().Token, ".")
		secrets = append(secrets, parts[1][len(parts[1])/2:], parts[2])
	}
	for where, text := range shown {
		for _, secret := range secrets {
			requireNone(t, where, text, secret)
		}
		if where != "answers" { // whoever asks is told what he asked for
			requireNone(t, where, text, textMark)
		}
	}
}

// requireNone looks for a mark whatever the case, and shows the line that has it.
func requireNone(t *testing.T, where, text, mark string) {
	t.Helper()
	if !strings.Contains(strings.ToLower(text), strings.ToLower(mark)) {
		return
	}
	for line := range strings.Lines(text) {
		if strings.Contains(strings.ToLower(line), strings.ToLower(mark)) {
			t.Errorf("%s: %.300s", where, line)
			return
		}
	}
}

// The names of a directory's files are seen by whoever may list it.
func TestR94_NoNameOfAFileInADirectoryIsOneThatSomebodyChose(t *testing.T) {
	o := Options{Token: new(memory)}
	c := Start(t, 1, o)
	live(t, c, o)
	files := 0
	require.NoError(t, filepath.WalkDir(c.Nodes[0].Dir, func(path string, _ os.DirEntry, err error) error {
		files++
		name, _ := filepath.Rel(c.Nodes[0].Dir, path) // it lies below
		requireNone(t, "directory", name, textMark)
		requireNone(t, "directory", name, secretMark)
		return err
	}))
	require.Greater(t, files, 3)
}
