package proto

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "parley/rpc/proto/parley/v1"
)

// files are the definitions of all services.
func files() []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{
		pb.File_parley_v1_account_proto, pb.File_parley_v1_assistant_proto, pb.File_parley_v1_channel_proto, pb.File_parley_v1_chat_proto, pb.File_parley_v1_cluster_proto,
		pb.File_parley_v1_document_proto, pb.File_parley_v1_lock_proto, pb.File_parley_v1_event_proto, pb.File_parley_v1_file_proto, pb.File_parley_v1_llm_proto,
		pb.File_parley_v1_operator_proto, pb.File_parley_v1_presence_proto, pb.File_parley_v1_session_proto,
	}
}

// methods calls f with every method.
func methods(f func(m protoreflect.MethodDescriptor)) {
	for _, file := range files() {
		for i := range file.Services().Len() {
			all := file.Services().Get(i).Methods()
			for j := range all.Len() {
				f(all.Get(j))
			}
		}
	}
}

// apart are the methods that neither change the state by a command of the caller's nor read it: they say in their
// comments how they are repeated, or what they answer from.
var apart = []protoreflect.FullName{
	"parley.v1.ChatService.Tail", "parley.v1.EventService.Watch",
	"parley.v1.ClusterService.Status", "parley.v1.ClusterService.Transfer", "parley.v1.ClusterService.Add", "parley.v1.ClusterService.Remove",
	"parley.v1.FileService.BeginUpload", "parley.v1.FileService.Upload",
	"parley.v1.OperatorService.Check", "parley.v1.OperatorService.Backup",
	"parley.v1.ModelService.Generate", "parley.v1.ModelService.Describe", "parley.v1.PresenceService.Notice",
	"parley.v1.SessionService.Open", "parley.v1.SessionService.Close",
}

// A change without a CommandContext could happen twice, and an answer without a position could not be compared with
// anything.
func TestEveryChangeHasACommandContextEveryReadAConsistencyAndEveryAnswerAPosition(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	methods(func(m protoreflect.MethodDescriptor) {
		seen[m.FullName()] = true
		if slices.Contains(apart, m.FullName()) {
			return
		}
		command, consistency := m.Input().Fields().ByName("command"), m.Input().Fields().ByName("consistency")
		require.True(t, (command == nil) != (consistency == nil), "%s is a change or a read", m.FullName())
		if command != nil {
			require.EqualValues(t, "parley.v1.CommandContext", command.Message().FullName(), m.FullName())
			require.EqualValues(t, 1, command.Number(), m.FullName())
		} else {
			require.EqualValues(t, "parley.v1.Consistency", consistency.Enum().FullName(), m.FullName())
		}
		position := positionOf(m.Output())
		require.NotNil(t, position, "%s has no position", m.Output().FullName())
		require.Equal(t, protoreflect.Uint64Kind, position.Kind(), m.Output().FullName())
	})
	for _, name := range apart {
		require.True(t, seen[name], "there is no %s any more", name)
	}
}

// positionOf returns the position of a response: its own, or that of the header which comes first in a stream.
func positionOf(response protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	if header := response.Fields().ByName("header"); header != nil {
		return header.Message().Fields().ByName("position")
	}
	return response.Fields().ByName("position")
}

// text returns what the definitions say, by file.
func text(t *testing.T) map[string]string {
	names, err := filepath.Glob("parley/v1/*.proto")
	require.NoError(t, err)
	all := map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		all[filepath.Base(name)] = string(b)
	}
	require.Len(t, all, len(files())+1, "common.proto has no service")
	return all
}

var (
	tableRow   = regexp.MustCompile(`(?m)^//   ([A-Z0-9_]+) +[A-Z_]{6,}( |$)`)
	upperWord  = regexp.MustCompile(`\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b`)
	methodLine = regexp.MustCompile(`(?m)((?:^  //.*\n)+)  rpc (\w+)`)
)

// The table of common.proto is where a client's author looks up a reason; each reason is explained where a method
// names it, or in the table's own text.
func TestEveryReasonThatIsNamedIsInTheTableOfErrors(t *testing.T) {
	all := text(t)
	var reasons []string
	for _, m := range tableRow.FindAllStringSubmatch(all["common.proto"], -1) {
		require.NotContains(t, reasons, m[1], "it stands in the table twice")
		reasons = append(reasons, m[1])
	}
	require.Greater(t, len(reasons), 80)

	known := append(slices.Clone(reasons), values()...)
	known = append(known, "FAILED_PRECONDITION", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED")
	for _, file := range slices.Sorted(maps.Keys(all)) {
		if file == "common.proto" {
			continue
		}
		for line := range strings.Lines(all[file]) {
			_, comment, _ := strings.Cut(line, "//")
			for _, word := range upperWord.FindAllString(comment, -1) {
				require.Contains(t, known, word, "%s: %s", file, line)
			}
		}
	}
}

// values returns the names of all values of enums.
func values() (names []string) {
	for _, file := range append(files(), pb.File_parley_v1_common_proto) {
		for i := range file.Enums().Len() {
			all := file.Enums().Get(i).Values()
			for j := range all.Len() {
				names = append(names, string(all.Get(j).Name()))
			}
		}
	}
	return names
}

// Nobody should have to guess who may call a method. Client sessions say nothing about who the client is.
func TestEveryMethodSaysWhoMayCallIt(t *testing.T) {
	said := 0
	for file, content := range text(t) {
		if file == "session.proto" {
			continue
		}
		for _, m := range methodLine.FindAllStringSubmatch(content, -1) {
			require.Contains(t, m[1], "// Who: ", "%s: %s", file, m[2])
			said++
		}
	}
	total := 0
	methods(func(protoreflect.MethodDescriptor) { total++ })
	require.Equal(t, total-2, said, "all but those of client sessions")
}
