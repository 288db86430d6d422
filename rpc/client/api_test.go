package client

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "parley/rpc/proto/parley/v1"
)

// What is at stake: a method of the API that Go programs can't call.
func TestEveryMethodOfTheAPIHasOneOfTheClient(t *testing.T) {
	client := reflect.TypeFor[*Client]()
	elsewhere := map[string]string{
		"SessionService.Open": "Ready", "SessionService.Close": "Close", // the client's own
		"FileService.BeginUpload": "Upload", "PresenceService.Notice": "Typing",
	}
	for _, file := range []protoreflect.FileDescriptor{
		pb.File_parley_v1_account_proto, pb.File_parley_v1_assistant_proto, pb.File_parley_v1_channel_proto, pb.File_parley_v1_chat_proto, pb.File_parley_v1_cluster_proto,
		pb.File_parley_v1_document_proto, pb.File_parley_v1_lock_proto, pb.File_parley_v1_operator_proto,
		pb.File_parley_v1_event_proto, pb.File_parley_v1_file_proto, pb.File_parley_v1_presence_proto, pb.File_parley_v1_session_proto,
	} {
		for i := range file.Services().Len() {
			s := file.Services().Get(i)
			for j := range s.Methods().Len() {
				m := s.Methods().Get(j)
				name := string(m.Name())
				if other, ok := elsewhere[string(s.Name())+"."+name]; ok {
					name = other
				}
				_, ok := client.MethodByName(name)
				require.True(t, ok, "%s.%s", s.Name(), name)
				// Where a CommandContext is put behind a request that has none yet.
				if f := m.Input().Fields().ByName("command"); f != nil {
					require.EqualValues(t, commandField, f.Number(), m.FullName())
				}
			}
		}
	}
}
