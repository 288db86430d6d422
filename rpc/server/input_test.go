package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// methods are all methods of all services, by "Service/Method".
func methods() map[string]protoreflect.MethodDescriptor {
	all := map[string]protoreflect.MethodDescriptor{}
	protoregistry.GlobalFiles.RangeFilesByPackage("parley.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			if string(s.FullName()) == pb.ModelService_ServiceDesc.ServiceName {
				continue // it is the model server's
			}
			for j := range s.Methods().Len() {
				all[fmt.Sprintf("%s/%s", s.Name(), s.Methods().Get(j).Name())] = s.Methods().Get(j)
			}
		}
		return true
	})
	return all
}

// raw passes bytes through.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }
func (raw) Name() string                       { return "proto" }

var _ encoding.Codec = raw{}

// call sends bytes to a method as a request, and returns how it ended. Streams are read until they say something.
func (u *user) call(ctx context.Context, m protoreflect.MethodDescriptor, request []byte) error {
	name := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	desc := &grpc.StreamDesc{ClientStreams: m.IsStreamingClient(), ServerStreams: m.IsStreamingServer()}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := u.conn().NewStream(ctx, desc, name, grpc.ForceCodec(raw{}))
	if err != nil {
		return err
	}
	if err := s.SendMsg(&request); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	var response []byte
	if err = s.RecvMsg(&response); errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// The bad value of each field, of each method, that is bad whatever the state is or in the state of a new user: what is
// answered, and which field is named.
func TestEveryFieldOfEveryMethodIsRefusedWhenItIsBad(t *testing.T) {
	c := startCluster(t, 1, governed())
	root, ann := c.admin("root"), c.signUp("ann")
	c.signUp("bob")
	ann.send("general", "hello")
	s, err := ann.session().Open(ann.ctx(), &pb.OpenRequest{Nonce: 1})
	require.NoError(t, err)
	long := strings.Repeat("x", 5000)
	mine := ann.send("@bob", "mine").GetId()
	made, err := ann.document().CreateDocument(ann.ctx(), &pb.CreateDocumentRequest{Command: once(), Title: "Plan", LockMode: pb.LockMode_LOCK_MODE_ADVISORY})
	require.NoError(t, err)
	_, err = ann.lock().AcquireLock(ann.ctx(), &pb.AcquireLockRequest{Command: once(), Name: "held", TtlMs: 3_600_000})
	require.NoError(t, err)

	seen := map[string]bool{}
	for _, row := range strings.Split(strings.TrimSpace(badInput), "\n") {
		method, rest, _ := strings.Cut(strings.TrimSpace(row), " ")
		fields, want, ok := strings.Cut(rest, "=>")
		require.True(t, ok, row)
		want = strings.TrimSpace(want)
		m, ok := methods()[method]
		require.True(t, ok, "there is no method %s", method)
		seen[method] = true

		who := ann
		if strings.HasPrefix(fields, "root:") {
			who, fields = root, strings.TrimPrefix(fields, "root:")
		}
		fields = strings.NewReplacer("LONG", long, "SESSION", fmt.Sprint(s.GetSession()), "MINE", mine, `"DOC"`, `"`+made.GetDocument().GetId()+`"`, "MEGABYTE", strings.Repeat("x", 1<<20+1), "HUGE", strings.Repeat("x", 17<<10)).Replace(fields)
		request := newMessage(m.Input())
		require.NoError(t, prototext.Unmarshal([]byte(fields), request), row)
		if f := m.Input().Fields().ByName("command"); f != nil && !request.ProtoReflect().Has(f) {
			request.ProtoReflect().Set(f, protoreflect.ValueOfMessage(once().ProtoReflect()))
		}
		body, err := proto.Marshal(request)
		require.NoError(t, err)
		before := c.hosts[0].Status().Last
		f := convert.ParseError(who.call(who.ctx(), m, body))
		got := fmt.Sprint(f.Status, " ", f.Reason)
		if f.Field != "" {
			got += " " + f.Field
		}
		require.Equal(t, want, got, "%s: %s", row, f.Text)
		require.Regexp(t, `^\S.*[.…]\)?$`, f.Text, "%s: one sentence", row)
		require.NotContains(t, f.Text, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", row)
		if f.Status == codes.InvalidArgument && f.Outcome == node.Refused {
			require.Equal(t, before, c.hosts[0].Status().Last, "%s: nothing came into the log", row)
		}
	}
	for name := range methods() {
		if !seen[name] {
			require.Contains(t, withoutFields, name, "no bad input for %s", name)
		}
	}
}

// withoutFields are the methods that have nothing which could be bad.
var withoutFields = []string{"ClusterService/Status", "PresenceService/Who", "AccountService/Renew", "OperatorService/Check"}

// newMessage makes a message of a type that the services take.
func newMessage(d protoreflect.MessageDescriptor) proto.Message {
	t, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		panic(err) // it is linked in
	}
	return t.New().Interface()
}

// What is bad about which field. A command without anything is given a request id.
const badInput = `
SessionService/Open => InvalidArgument FIELD_INVALID nonce
SessionService/Close session: SESSION nonce: 99 => FailedPrecondition SESSION_UNKNOWN
AccountService/SignUp username: "al" email: "a@b.org" password: "long enough" => InvalidArgument USERNAME_INVALID username
AccountService/SignUp username: "LONG" email: "a@b.org" password: "long enough" => InvalidArgument USERNAME_INVALID username
AccountService/SignUp username: "al ice" email: "a@b.org" password: "long enough" => InvalidArgument USERNAME_INVALID username
AccountService/SignUp username: "alice" email: "nobody" password: "long enough" => InvalidArgument EMAIL_INVALID email
AccountService/SignUp username: "alice" email: "LONG@b.org" password: "long enough" => InvalidArgument EMAIL_INVALID email
AccountService/SignUp username: "alice" email: "a@b.org" password: "short" => InvalidArgument PASSWORD_TOO_SHORT password
AccountService/SignUp username: "alice" email: "a@b.org" password: "LONG" => InvalidArgument PASSWORD_TOO_LONG password
AccountService/SignUp username: "alice" email: "a@b.org" password: "long enough" display_name: "LONG" => InvalidArgument TOO_LONG display_name
AccountService/SignUp username: "alice" email: "a@b.org" password: "long enough" display_name: "  " => InvalidArgument EMPTY display_name
AccountService/SignUp username: "alice" email: "a@b.org" password: "long enough" display_name: "a\tb" => InvalidArgument CONTROL_CHARACTER display_name
AccountService/SignUp username: "alice" email: "a@b.org" password: "long enough" invite: "short" => InvalidArgument FIELD_INVALID invite
AccountService/SignUp username: "alice" email: "a@b.org" password: "long enough" command {} => InvalidArgument FIELD_INVALID command
AccountService/SignUp username: "alice" email: "a@b.org" password: "long enough" command { request_id: "short" } => InvalidArgument FIELD_INVALID command.request_id
AccountService/SignUp username: "alice" email: "a@b.org" password: "long enough" command { request_id: "LONG" } => InvalidArgument FIELD_INVALID command.request_id
AccountService/LogIn username: "ann" password: "x" => InvalidArgument FIELD_INVALID secret
AccountService/LogIn username: "ann" password: "x" secret: "too short" => InvalidArgument FIELD_INVALID secret
AccountService/LogIn username: "ann" password: "x" secret: "0123456789abcdef0123456789abcdef" client: "LONG" => InvalidArgument TOO_LONG client
AccountService/LogIn username: "LONG" password: "x" secret: "0123456789abcdef0123456789abcdef" => Unauthenticated CREDENTIALS_WRONG
AccountService/LogIn username: "" password: "" secret: "0123456789abcdef0123456789abcdef" => Unauthenticated CREDENTIALS_WRONG
AccountService/LogOut command { session: 77 } => InvalidArgument FIELD_INVALID command
AccountService/LogOut command { session: 77 seq: 1 request_id: "both" } => InvalidArgument FIELD_INVALID command
AccountService/WhoAmI consistency: 9 => InvalidArgument FIELD_INVALID consistency
AccountService/ChangePassword old_password: "x" new_password: "short" => InvalidArgument PASSWORD_TOO_SHORT new_password
AccountService/ChangePassword old_password: "LONG" new_password: "long enough" => PermissionDenied PASSWORD_WRONG
AccountService/UpdateProfile display_name: "" => InvalidArgument EMPTY display_name
AccountService/UpdateProfile display_name: " \302\240" => InvalidArgument EMPTY display_name
AccountService/UpdateProfile display_name: "LONG" => InvalidArgument TOO_LONG display_name
AccountService/UpdateProfile email: "" => InvalidArgument EMAIL_INVALID email
AccountService/ListLogins root:username: "LONG" => NotFound USER_NOT_FOUND
AccountService/ListLogins username: "bob" => PermissionDenied NOT_CLUSTER_ADMIN
AccountService/RevokeLogin login_id: "LONG" => NotFound LOGIN_NOT_FOUND
AccountService/RevokeLogin login_id: "login_0" => NotFound LOGIN_NOT_FOUND
AccountService/ListUsers cursor: "not one" => InvalidArgument CURSOR_INVALID cursor
AccountService/ListUsers cursor: "LONG" => InvalidArgument CURSOR_INVALID cursor
AccountService/DisableUser root:username: "nobody" => NotFound USER_NOT_FOUND
AccountService/EnableUser root:username: "LONG" => NotFound USER_NOT_FOUND
AccountService/GrantAdmin root:username: "@ann" => NotFound USER_NOT_FOUND
AccountService/RevokeAdmin root:username: "root" => FailedPrecondition LAST_CLUSTER_ADMIN
AccountService/CreateReset root:username: "ann" code: "short" => InvalidArgument FIELD_INVALID code
AccountService/CreateReset root:username: "ann" code: "LONG" => InvalidArgument FIELD_INVALID code
AccountService/CreateReset root:username: "nobody" code: "abcdefghijklmnopqrstuvwxyz" => NotFound USER_NOT_FOUND
AccountService/ResetPassword username: "a" code: "abcdefghijklmnopqrstuvwxyz" new_password: "long enough" => InvalidArgument USERNAME_INVALID username
AccountService/ResetPassword username: "ann" code: "" new_password: "long enough" => InvalidArgument FIELD_INVALID code
AccountService/ResetPassword username: "ann" code: "abcdefghijklmnopqrstuvwxyz" new_password: "password" => InvalidArgument PASSWORD_COMMON new_password
AccountService/ResetPassword username: "ann" code: "abcdefghijklmnopqrstuvwxyz" new_password: "long enough" => PermissionDenied RESET_REFUSED
AccountService/CreateInvite root:code: "" => InvalidArgument FIELD_INVALID code
AccountService/CreateInvite root:code: "abcdefghijklmnopqrstuvwxyz" uses: 1001 => InvalidArgument FIELD_INVALID uses
AccountService/CreateInvite root:code: "abcdefghijklmnopqrstuvwxyz" seconds: 4000000000 => InvalidArgument FIELD_INVALID seconds
AccountService/ClaimAdmin token: "LONG" => InvalidArgument FIELD_INVALID token
AccountService/ClaimAdmin token: "" => InvalidArgument FIELD_INVALID token
AccountService/SetSignUpMode root:mode: SIGN_UP_MODE_UNSPECIFIED => InvalidArgument FIELD_INVALID mode
AccountService/SetSignUpMode root:mode: 77 => InvalidArgument FIELD_INVALID mode
ChannelService/CreateChannel name: "ab" => InvalidArgument CHANNEL_NAME_INVALID name
ChannelService/CreateChannel name: "LONG" => InvalidArgument CHANNEL_NAME_INVALID name
ChannelService/CreateChannel name: "chan_5" => InvalidArgument CHANNEL_NAME_INVALID name
ChannelService/CreateChannel name: "two words" => InvalidArgument CHANNEL_NAME_INVALID name
ChannelService/CreateChannel name: "good" description: "LONG" => InvalidArgument TOO_LONG description
ChannelService/CreateChannel name: "good" join: 9 => InvalidArgument FIELD_INVALID join
ChannelService/CreateChannel name: "General" => AlreadyExists CHANNEL_NAME_TAKEN
ChannelService/CreateChannel name: "everyone" => AlreadyExists CHANNEL_NAME_RESERVED
ChannelService/GetChannel channel: "#LONG" => NotFound CHANNEL_NOT_FOUND
ChannelService/GetChannel channel: "@bob" => InvalidArgument FIELD_INVALID channel
ChannelService/ListChannels cursor: "p" => InvalidArgument CURSOR_INVALID cursor
ChannelService/ListChannels hidden: true => PermissionDenied NOT_CLUSTER_ADMIN
ChannelService/JoinChannel channel: "" => NotFound CHANNEL_NOT_FOUND
ChannelService/LeaveChannel channel: "chan_zzz" => NotFound PLACE_NOT_FOUND
ChannelService/ListMembers channel: "general" cursor: "bg" => InvalidArgument CURSOR_INVALID cursor
ChannelService/AddMember root:channel: "general" username: "LONG" => NotFound USER_NOT_FOUND
ChannelService/RemoveMember root:channel: "random" username: "bob" => NotFound MEMBER_NOT_FOUND
ChannelService/PromoteMember channel: "general" username: "bob" => PermissionDenied NOT_CHANNEL_ADMIN
ChannelService/DemoteMember root:channel: "nowhere" username: "bob" => NotFound CHANNEL_NOT_FOUND
ChannelService/ArchiveChannel channel: "general" => PermissionDenied NOT_CHANNEL_ADMIN
ChannelService/UnarchiveChannel channel: "#" => NotFound CHANNEL_NOT_FOUND
ChannelService/UpdateChannel root:channel: "general" description: "LONG" => InvalidArgument TOO_LONG description
ChannelService/UpdateChannel root:channel: "general" join: 5 => InvalidArgument FIELD_INVALID join
ChatService/Send place: "general" => InvalidArgument TEXT_EMPTY text
ChatService/Send place: "general" text: "HUGE" => InvalidArgument TEXT_TOO_LONG text
ChatService/Send place: "@ann" text: "x" => InvalidArgument CONVERSATION_WITH_SELF place
ChatService/Send place: "@nobody" text: "x" => NotFound USER_NOT_FOUND
ChatService/Send place: "LONG" text: "x" => NotFound CHANNEL_NOT_FOUND
ChatService/Send place: "general" text: "x" reply_to: "MINE" => InvalidArgument REPLY_ELSEWHERE reply_to
ChatService/Send place: "general" text: "x" reply_to: "LONG" => NotFound MESSAGE_NOT_FOUND
ChatService/Send place: "general" text: "x" command { session: 77 seq: 1 } => FailedPrecondition SESSION_UNKNOWN
ChatService/Send place: "general" text: "x" command { session: SESSION seq: 1000 } => OutOfRange BELOW_WINDOW
ChatService/Send place: "general" text: "x" command { session: SESSION seq: 1 acked_below: 5 } => OutOfRange BELOW_WINDOW
ChatService/SendBatch command { session: SESSION seq: 1 } => InvalidArgument FIELD_INVALID messages
ChatService/SendBatch command { request_id: "x" } messages { place: "general" text: "x" } => InvalidArgument FIELD_INVALID command
ChatService/SendBatch command { session: SESSION seq: 18446744073709551615 } messages { place: "general" text: "x" } => InvalidArgument FIELD_INVALID command.seq
ChatService/Edit message_id: "MINE" => InvalidArgument TEXT_EMPTY text
ChatService/Edit message_id: "" text: "x" => NotFound MESSAGE_NOT_FOUND
ChatService/Unsend message_id: "msg_1" => NotFound MESSAGE_NOT_FOUND
ChatService/EditsOf message_id: "LONG" => NotFound MESSAGE_NOT_FOUND
ChatService/GetMessage message_id: "MINEx" => NotFound MESSAGE_NOT_FOUND
ChatService/History place: "" => NotFound CHANNEL_NOT_FOUND
ChatService/History place: "general" consistency: -1 => InvalidArgument FIELD_INVALID consistency
ChatService/Thread message_id: "msg_1_1_1" => NotFound MESSAGE_NOT_FOUND
ChatService/React message_id: "MINE" => InvalidArgument EMOJI_INVALID emoji
ChatService/React message_id: "MINE" emoji: "LONG" => InvalidArgument EMOJI_INVALID emoji
ChatService/React message_id: "MINE" emoji: " " remove: true => InvalidArgument EMOJI_INVALID emoji
ChatService/Mentions cursor: "x" => InvalidArgument CURSOR_INVALID cursor
ChatService/MarkRead place: "@nobody" => NotFound USER_NOT_FOUND
ChatService/Search query: "" => InvalidArgument QUERY_INVALID query
ChatService/Search query: "LONG" => InvalidArgument TOO_LONG query
ChatService/Search query: "a b c d e f g h i j k l m n o p q" => InvalidArgument QUERY_INVALID query
ChatService/Search query: "x" place: "#nowhere" => NotFound CHANNEL_NOT_FOUND
ChatService/Search query: "x" cursor: "x" => InvalidArgument CURSOR_INVALID cursor
ChatService/Conversations cursor: "x" => InvalidArgument CURSOR_INVALID cursor
ChatService/Tail place: "#nowhere" => NotFound CHANNEL_NOT_FOUND
ChatService/Tail place: "general" from: 1 cluster: 1 => OutOfRange COMPACTED
FileService/BeginUpload place: "general" size: 1 => InvalidArgument FIELD_INVALID upload
FileService/BeginUpload upload: 1 place: "general" size: 18446744073709551615 => InvalidArgument FILE_TOO_LARGE size
FileService/BeginUpload upload: 1 place: "@ann" size: 1 => InvalidArgument CONVERSATION_WITH_SELF place
FileService/Upload => InvalidArgument MALFORMED
FileService/Upload chunk: "x" => InvalidArgument MALFORMED
FileService/Upload header { upload: 1 place: "general" size: 0 sha256: "x" } => InvalidArgument FIELD_INVALID header.sha256
FileService/Upload header { upload: 1 place: "general" size: 5 offset: 5 } => OutOfRange UPLOAD_OFFSET
FileService/PostFile place: "general" sha256: "" name: "x" => InvalidArgument FIELD_INVALID sha256
FileService/PostFile place: "general" sha256: "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef" name: "x" => InvalidArgument FIELD_INVALID sha256
FileService/PostFile place: "general" sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" name: "LONG" => InvalidArgument TOO_LONG name
FileService/PostFile place: "general" sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" name: "x" description: "LONG" => InvalidArgument TOO_LONG description
FileService/PostFile place: "general" sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" name: "x" size: 99999999999 => InvalidArgument FILE_TOO_LARGE size
FileService/PostFile place: "general" sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" name: "x" => FailedPrecondition NOT_UPLOADED
FileService/ListFiles place: "general" cursor: "x" => InvalidArgument CURSOR_INVALID cursor
FileService/GetFile file_id: "LONG" => NotFound FILE_NOT_FOUND
FileService/Download file_id: "" => NotFound FILE_NOT_FOUND
FileService/DeleteFile file_id: "file_1" => NotFound FILE_NOT_FOUND
LockService/AcquireLock name: "" => InvalidArgument LOCK_NAME_INVALID name
LockService/AcquireLock name: "LONG" => InvalidArgument LOCK_NAME_INVALID name
LockService/AcquireLock name: "a\x1b[2J" => InvalidArgument LOCK_NAME_INVALID name
LockService/AcquireLock name: "msg_1" => InvalidArgument LOCK_NAME_INVALID name
LockService/AcquireLock name: "doc_LONG" => InvalidArgument LOCK_NAME_INVALID name
LockService/AcquireLock name: "doc_1" => NotFound DOCUMENT_NOT_FOUND
LockService/AcquireLock name: "x" ttl_ms: 999 => InvalidArgument LOCK_TTL_INVALID ttl
LockService/AcquireLock name: "x" ttl_ms: 18446744073709551615 => InvalidArgument LOCK_TTL_INVALID ttl
LockService/AcquireLock name: "x" wait_ms: 3600001 => InvalidArgument LOCK_WAIT_INVALID wait
LockService/AcquireLock name: "x" fence: 1 => Aborted LOCK_NOT_HELD
LockService/RenewLock name: "x y" => InvalidArgument LOCK_NAME_INVALID name
LockService/RenewLock name: "x" ttl_ms: 1 => InvalidArgument LOCK_TTL_INVALID ttl
LockService/RenewLock name: "held" fence: 1 => Aborted STALE_FENCE
LockService/ReleaseLock name: "file_1" => InvalidArgument LOCK_NAME_INVALID name
LockService/ReleaseLock name: "x" => Aborted LOCK_NOT_HELD
LockService/BreakLock name: "doc_zz" => NotFound DOCUMENT_NOT_FOUND
LockService/BreakLock name: "held" fence: 1 => Aborted STALE_FENCE
LockService/CancelWait name: "held" ticket: 1 => NotFound WAIT_NOT_FOUND
LockService/GetLock name: "" => InvalidArgument LOCK_NAME_INVALID name
LockService/GetLock name: "held" wait_ms: 1001 => InvalidArgument FIELD_INVALID wait_ms
LockService/ListLocks cursor: "x" => InvalidArgument CURSOR_INVALID cursor
DocumentService/CreateDocument => InvalidArgument FIELD_INVALID title
DocumentService/CreateDocument title: "  " => InvalidArgument EMPTY title
DocumentService/CreateDocument title: "LONG" => InvalidArgument TOO_LONG title
DocumentService/CreateDocument title: "a\nb" => InvalidArgument CONTROL_CHARACTER title
DocumentService/CreateDocument title: "x" note: "LONG" => InvalidArgument TOO_LONG note
DocumentService/CreateDocument title: "x" lock_mode: 9 => InvalidArgument LOCK_MODE_INVALID lock
DocumentService/CreateDocument title: "x" lock_mode: -1 => InvalidArgument LOCK_MODE_INVALID lock
DocumentService/CreateDocument title: "x" content: "\xff" => InvalidArgument CONTENT_NOT_UTF8 content
DocumentService/CreateDocument title: "x" content: "MEGABYTE" => InvalidArgument DOCUMENT_TOO_LARGE content
DocumentService/UpdateDocument document_id: "" => NotFound DOCUMENT_NOT_FOUND
DocumentService/UpdateDocument document_id: "DOC" note: "LONG" => InvalidArgument TOO_LONG note
DocumentService/UpdateDocument document_id: "DOC" content: "\xff" => InvalidArgument CONTENT_NOT_UTF8 content
DocumentService/UpdateDocument document_id: "DOC" content: "MEGABYTE" => InvalidArgument DOCUMENT_TOO_LARGE content
DocumentService/UpdateDocument document_id: "DOC" content: "x" if_version: 9 => Aborted VERSION_CONFLICT
DocumentService/UpdateDocument document_id: "DOC" content: "x" fence: 9 => Aborted STALE_FENCE
DocumentService/RestoreDocument document_id: "DOC" version: 0 => NotFound REVISION_NOT_FOUND
DocumentService/RestoreDocument document_id: "DOC" version: 9 => NotFound REVISION_NOT_FOUND
DocumentService/DeleteDocument document_id: "LONG" => NotFound DOCUMENT_NOT_FOUND
DocumentService/UndeleteDocument document_id: "doc_0" => NotFound DOCUMENT_NOT_FOUND
DocumentService/ShareDocument document_id: "DOC" with { user: "bob" } => InvalidArgument ROLE_INVALID role
DocumentService/ShareDocument document_id: "DOC" with { user: "bob" } role: 77 => InvalidArgument ROLE_INVALID role
DocumentService/ShareDocument document_id: "DOC" with { all: true } role: DOCUMENT_ROLE_OWNER => InvalidArgument ROLE_INVALID role
DocumentService/ShareDocument document_id: "DOC" role: DOCUMENT_ROLE_VIEWER => InvalidArgument FIELD_INVALID with
DocumentService/ShareDocument document_id: "DOC" with { user: "LONG" } role: DOCUMENT_ROLE_VIEWER => NotFound USER_NOT_FOUND
DocumentService/ShareDocument document_id: "DOC" with { channel: "nowhere" } role: DOCUMENT_ROLE_VIEWER => NotFound CHANNEL_NOT_FOUND
DocumentService/UnshareDocument document_id: "DOC" with { user: "bob" } => NotFound GRANT_NOT_FOUND
DocumentService/UnshareDocument document_id: "DOC" with { user: "ann" } => FailedPrecondition LAST_OWNER
DocumentService/SetDocument document_id: "DOC" title: "\342\240\200" => InvalidArgument EMPTY title
DocumentService/SetDocument document_id: "DOC" title: "" => InvalidArgument FIELD_INVALID title
DocumentService/SetDocument document_id: "DOC" lock_mode: 7 => InvalidArgument LOCK_MODE_INVALID lock
DocumentService/GetDocument document_id: "DOC" version: 2 => NotFound REVISION_NOT_FOUND
DocumentService/GetDocument document_id: "DOC" version: 1 at: 5 => InvalidArgument FIELD_INVALID version
DocumentService/GetDocument document_id: "DOC" at: 1 => NotFound REVISION_NOT_FOUND
DocumentService/GetDocument document_id: "DOC" time { seconds: -5 } => InvalidArgument FIELD_INVALID time
DocumentService/GetDocument document_id: "DOC" time { seconds: 253402300799 } => InvalidArgument FIELD_INVALID time
DocumentService/GetDocument document_id: "DOC" time { seconds: 1 } => NotFound REVISION_NOT_FOUND
DocumentService/ListRevisions document_id: "DOC" cursor: "x" => InvalidArgument CURSOR_INVALID cursor
DocumentService/ListDocuments cursor: "x" => InvalidArgument CURSOR_INVALID cursor
DocumentService/ListDocuments all: true => PermissionDenied NOT_CLUSTER_ADMIN
DocumentService/ListGrants document_id: "LONG" => NotFound DOCUMENT_NOT_FOUND
EventService/Watch places: "#nowhere" => NotFound CHANNEL_NOT_FOUND
EventService/Watch topics: 99 => InvalidArgument FIELD_INVALID topics
EventService/Watch topics: TOPIC_UNSPECIFIED => InvalidArgument FIELD_INVALID topics
EventService/Watch from: 1 cluster: 1 => OutOfRange COMPACTED
PresenceService/Who cursor: "x" => InvalidArgument CURSOR_INVALID cursor
PresenceService/Notice => InvalidArgument FIELD_INVALID what
PresenceService/Notice place: "#nowhere" => NotFound CHANNEL_NOT_FOUND
PresenceService/Notice place: "@ann" => InvalidArgument CONVERSATION_WITH_SELF place
PresenceService/Notice document_id: "doc_nowhere" => NotFound DOCUMENT_NOT_FOUND
AssistantService/SmartReply place: "" => NotFound CHANNEL_NOT_FOUND
AssistantService/SmartReply place: "@ann" => InvalidArgument CONVERSATION_WITH_SELF place
AssistantService/SmartReply place: "LONG" => NotFound CHANNEL_NOT_FOUND
AssistantService/SmartReply place: "general" consistency: 9 => InvalidArgument FIELD_INVALID consistency
AssistantService/Summarize place: "general" limit: 4 => InvalidArgument FIELD_INVALID limit
AssistantService/Summarize place: "general" limit: 4294967295 => InvalidArgument FIELD_INVALID limit
AssistantService/Summarize place: "nowhere" => NotFound CHANNEL_NOT_FOUND
AssistantService/Suggest place: "general" => InvalidArgument EMPTY text
AssistantService/Suggest place: "general" text: "LONG" => InvalidArgument TOO_LONG text
AssistantService/Suggest text: "x" => NotFound CHANNEL_NOT_FOUND
AssistantService/Ask place: "general" => InvalidArgument EMPTY question
AssistantService/Ask question: "LONG" => InvalidArgument TOO_LONG question
AssistantService/Ask question: "x" place: "@nobody" => NotFound USER_NOT_FOUND
AssistantService/AssistDocument document_id: "DOC" => InvalidArgument FIELD_INVALID task
AssistantService/AssistDocument document_id: "DOC" task: 9 => InvalidArgument FIELD_INVALID task
AssistantService/AssistDocument document_id: "LONG" task: DOCUMENT_TASK_GRAMMAR => NotFound DOCUMENT_NOT_FOUND
AssistantService/GetAssistance of: "nowhere" => NotFound CHANNEL_NOT_FOUND
AssistantService/GetAssistance of: "doc_none" => NotFound DOCUMENT_NOT_FOUND
AssistantService/SetExternal of: "" on: true => NotFound CHANNEL_NOT_FOUND
AssistantService/SetExternal of: "general" => PermissionDenied NOT_CHANNEL_ADMIN
AssistantService/SetExternal of: "@nobody" on: true => NotFound USER_NOT_FOUND
AssistantService/SetExternal of: "@root" on: true => NotFound PLACE_NOT_FOUND
AssistantService/NameBackend backend: "gemini" => PermissionDenied NOT_CLUSTER_ADMIN
AssistantService/NameBackend root:backend: "LONG" => InvalidArgument FIELD_INVALID backend
AssistantService/NameBackend root:backend: "Gemini Pro" => InvalidArgument FIELD_INVALID backend
AssistantService/NameBackend root:backend: "offline" => InvalidArgument FIELD_INVALID backend
ClusterService/Transfer to: 2 => PermissionDenied NOT_CLUSTER_ADMIN
ClusterService/Add id: 2 => PermissionDenied NOT_CLUSTER_ADMIN
ClusterService/Add root:id: 0 => InvalidArgument FIELD_INVALID id
ClusterService/Add root:id: 2 replaces: 2 => InvalidArgument FIELD_INVALID replaces
ClusterService/Add root:id: 2 peer_address: "LONG" => InvalidArgument FIELD_INVALID peer_address
ClusterService/Add root:id: 2 peer_address: "a:1" client_address: "nowhere" => InvalidArgument FIELD_INVALID client_address
ClusterService/Remove id: 1 => PermissionDenied NOT_CLUSTER_ADMIN
ClusterService/Remove root:id: 9 => NotFound NO_MEMBER
OperatorService/Backup => PermissionDenied NOT_CLUSTER_ADMIN
OperatorService/RotateKey now: true => PermissionDenied NOT_CLUSTER_ADMIN
OperatorService/ListAudit => PermissionDenied NOT_CLUSTER_ADMIN
OperatorService/ListAudit root:cursor: "x" => InvalidArgument CURSOR_INVALID cursor
OperatorService/ListAudit root:cursor: "cgAAAA" => InvalidArgument CURSOR_INVALID cursor
OperatorService/SetRetention messages: 7200 => PermissionDenied NOT_CLUSTER_ADMIN
OperatorService/SetRetention root:messages: 3599 => InvalidArgument RETENTION_INVALID messages
OperatorService/SetRetention root:files: 1 => InvalidArgument RETENTION_INVALID files
OperatorService/SetRetention root:events: 59 => InvalidArgument RETENTION_INVALID events
OperatorService/SetRetention root:events: 18446744073709551615 => InvalidArgument RETENTION_INVALID events
OperatorService/GetRetention consistency: 7 => InvalidArgument FIELD_INVALID consistency
`

// Bytes that are no request are refused like any other bad request.
func TestBytesThatAreNoRequestAreRefusedInTheSameWay(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann := c.signUp("ann")
	for name, m := range methods() {
		for _, garbage := range []string{"\xff", "\x0a\x05hi", "\x12\x02\xff\xfe\x1a\x02\xff\xfe"} {
			if proto.Unmarshal([]byte(garbage), newMessage(m.Input())) == nil {
				continue // a request all the same
			}
			f := convert.ParseError(ann.call(ann.ctx(), m, []byte(garbage)))
			require.Equal(t, "InvalidArgument MALFORMED", fmt.Sprint(f.Status, " ", f.Reason), "%s %q: %s", name, garbage, f.Text)
		}
	}
}

// Which methods need no token is what common.proto says, and nothing else.
func TestWithoutATokenOnlyTheseAreAnswered(t *testing.T) {
	for _, loopback := range []bool{true, false} {
		c := startCluster(t, 1, Config{BcryptCost: 10, Loopback: loopback})
		u := c.nobody()
		for name, m := range methods() {
			body, err := proto.Marshal(newMessage(m.Input()))
			require.NoError(t, err)
			got := convert.ParseError(u.call(t.Context(), m, body)).Reason == "TOKEN_MISSING"
			free := strings.HasPrefix(name, "SessionService/") || name == "AccountService/SignUp" || name == "AccountService/LogIn" ||
				name == "AccountService/ResetPassword" || loopback && name == "ClusterService/Status"
			require.Equal(t, !free, got, "%s, loopback %v", name, loopback)
		}
	}
}

// Whatever bytes come to whatever method: an answer, or a refusal that says so in the words of the table; never a failure
// of the server's own.
func FuzzRequests(f *testing.F) {
	c := startCluster(f, 1, governed())
	root := c.admin("root")
	bob := c.signUp("bob")
	message, file := root.send("@bob", "hello").GetId(), root.upload("general", "a.txt", "content").GetId()
	texts := []string{"", "general", "#general", "@bob", "@root", "bob", "root", message, file, bob.login, root.login, "chan_1", "conv_1", "x", "👍",
		"needle", strings.Repeat("long ", 5000), "bmdlbmVyYWw", "a\x00b", "../../etc", "bob@example.org", strings.Repeat("0", 64)}
	all := methods()
	names := make([]string, 0, len(all))
	for name := range all {
		if name != "ClusterService/Transfer" && name != "ClusterService/Add" { // they wait for other nodes
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i := range names {
		f.Add(uint16(i), []byte{1, 2, 3, 4, 5, 6, 7, 8})
		f.Add(uint16(i), []byte("\x00\x01\x02\x03 something else \xff\xfe"))
	}
	f.Fuzz(func(t *testing.T, method uint16, entropy []byte) {
		name := names[int(method)%len(names)]
		m := all[name]
		body := entropy
		if len(entropy) == 0 || entropy[0] != 0xff { // else: as it is
			request := newMessage(m.Input())
			fill(request.ProtoReflect(), &source{entropy}, texts, 3)
			var err error
			if body, err = (proto.MarshalOptions{AllowPartial: true}).Marshal(request); err != nil {
				return
			}
		}
		for _, u := range []*user{bob, root, {c: c}} {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			if u.token != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+u.token)
			}
			err := u.call(ctx, m, body)
			cancel()
			if err == nil {
				continue
			}
			got := convert.ParseError(err)
			switch {
			case got.Reason == "LOGIN_ENDED" && u.token != "": // it logged itself out, or the admin did
				again(root, bob)
			case got.Status == codes.ResourceExhausted && got.Reason == "TOO_LARGE":
			case got.Reason == "", got.Status == codes.Internal, got.Status == codes.Unknown:
				t.Fatalf("%s: %v\n%q", name, err, body)
			}
		}
	})
}

// again logs everybody in who was logged out, or disabled.
func again(root, bob *user) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, u := range []*user{root, bob} {
		if u == bob {
			as := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+root.token)
			_, _ = root.account().EnableUser(as, &pb.EnableUserRequest{Command: once(), Username: "bob"})
		}
		r, err := u.account().LogIn(ctx, &pb.LogInRequest{Command: once(), Username: u.name, Password: testPassword, Secret: []byte(noiseText(32))})
		if err == nil {
			u.token = r.GetToken()
		}
	}
}

// source draws from bytes, and zeros behind them.
type source struct{ bytes []byte }

func (s *source) next(n int) int {
	if len(s.bytes) == 0 {
		return 0
	}
	b := s.bytes[0]
	s.bytes = s.bytes[1:]
	return int(b) % n
}

// fill gives fields values that mean something here, or that lie at an edge.
func fill(m protoreflect.Message, s *source, texts []string, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if s.next(4) == 3 && f.Name() != "command" {
			continue
		}
		switch {
		case f.IsList() && f.Kind() == protoreflect.MessageKind:
			for range s.next(4) {
				fill(m.Mutable(f).List().AppendMutable().Message(), s, texts, depth-1)
			}
		case f.IsList():
			for range s.next(4) {
				m.Mutable(f).List().Append(value(f, s, texts))
			}
		case f.Name() == "command" && s.next(3) > 0:
			m.Set(f, protoreflect.ValueOfMessage(once().ProtoReflect()))
		case f.Kind() == protoreflect.MessageKind && depth > 0:
			fill(m.Mutable(f).Message(), s, texts, depth-1)
		case f.Kind() != protoreflect.MessageKind:
			m.Set(f, value(f, s, texts))
		}
	}
}

func value(f protoreflect.FieldDescriptor, s *source, texts []string) protoreflect.Value {
	numbers := []uint64{0, 1, 2, 20, 255, 1000, 1 << 20, math.MaxUint32, 1 << 53, math.MaxUint64}
	n := numbers[s.next(len(numbers))]
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(texts[s.next(len(texts))])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(texts[s.next(len(texts))]))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(n%2 == 1)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n % 7))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(n))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	}
	return protoreflect.ValueOfUint64(n)
}
