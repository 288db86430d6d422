package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// town is a cluster with everybody whom the permission table knows: in each channel an admin, a member, somebody who is
// neither, and an admin of the cluster who is no member.
type town struct {
	*testCluster
	who      map[string]*user
	message  map[string]string // an id, by place
	file     map[string]string
	sequence int
}

func newTown(t testing.TB) *town {
	c := startCluster(t, 1, governed())
	w := &town{testCluster: c, who: map[string]*user{}, message: map[string]string{}, file: map[string]string{}}
	w.who["governor"] = c.admin("root")
	for _, name := range []string{"outsider", "member", "admin"} {
		w.who[name] = c.signUp(name)
	}
	admin := w.who["admin"]
	for _, private := range []bool{false, true} {
		name := map[bool]string{false: "open", true: "closed"}[private]
		_, err := admin.channel().CreateChannel(admin.ctx(), &pb.CreateChannelRequest{Command: once(), Name: name, Private: private, Description: "secrets of " + name})
		require.NoError(t, err)
		_, err = admin.channel().AddMember(admin.ctx(), &pb.AddMemberRequest{Command: once(), Channel: name, Username: "member"})
		require.NoError(t, err)
		w.message["#"+name] = admin.send(name, "needle in "+name).GetId()
		w.file["#"+name] = admin.upload(name, "plan.txt", "content of "+name).GetId()
	}
	w.message["@admin"] = admin.send("@member", "needle for member").GetId()
	w.file["@admin"] = admin.upload("@member", "love.txt", "for member").GetId()
	return w
}

// The table of who may do what, asked of the service: every row that the service can show, for all four, in a public
// channel, in a private one, and in a direct conversation of two others.
func TestR18_WhoMayDoWhatByWayOfTheService(t *testing.T) {
	w := newTown(t)
	const (
		yes    = "ok"
		hidden = "NotFound"
		join   = "PermissionDenied NOT_A_MEMBER"
		admins = "PermissionDenied NOT_CHANNEL_ADMIN"
	)
	for _, row := range []struct {
		action string
		do     func(u *user, place string) error
		//            outsider member admin governor
		open, closed, direct [4]string
	}{
		{"see", func(u *user, place string) error {
			_, err := u.channel().GetChannel(u.ctx(), &pb.GetChannelRequest{Channel: place})
			return err
		}, [4]string{yes, yes, yes, yes}, [4]string{hidden, yes, yes, yes}, [4]string{}},
		{"history", func(u *user, place string) error {
			_, err := u.chat().History(u.ctx(), &pb.HistoryRequest{Place: place})
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{}},
		{"get a message", func(u *user, place string) error {
			_, err := u.chat().GetMessage(u.ctx(), &pb.GetMessageRequest{MessageId: w.message[place]})
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{hidden, yes, yes, hidden}},
		{"its edits", func(u *user, place string) error {
			_, err := u.chat().EditsOf(u.ctx(), &pb.EditsOfRequest{MessageId: w.message[place]})
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{hidden, yes, yes, hidden}},
		{"its thread", func(u *user, place string) error {
			_, err := u.chat().Thread(u.ctx(), &pb.ThreadRequest{MessageId: w.message[place]})
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{hidden, yes, yes, hidden}},
		{"react", func(u *user, place string) error {
			_, err := u.chat().React(u.ctx(), &pb.ReactRequest{Command: once(), MessageId: w.message[place], Emoji: "👍"})
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{hidden, yes, yes, hidden}},
		{"edit another's", func(u *user, place string) error {
			_, err := u.chat().Edit(u.ctx(), &pb.EditRequest{Command: once(), MessageId: w.message[place], Text: "needle again"})
			return err
		}, [4]string{join, "PermissionDenied NOT_SENDER", yes, join}, [4]string{hidden, "PermissionDenied NOT_SENDER", yes, hidden},
			[4]string{hidden, "PermissionDenied NOT_SENDER", yes, hidden}},
		{"members", func(u *user, place string) error {
			_, err := u.channel().ListMembers(u.ctx(), &pb.ListMembersRequest{Channel: place})
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{}},
		{"files", func(u *user, place string) error {
			_, err := u.file().ListFiles(u.ctx(), &pb.ListFilesRequest{Place: place})
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{}},
		{"download", func(u *user, place string) error {
			_, err := u.download(w.file[place], 0)
			return err
		}, [4]string{hidden, yes, yes, hidden}, [4]string{hidden, yes, yes, hidden}, [4]string{hidden, yes, yes, hidden}},
		{"about a file", func(u *user, place string) error {
			_, err := u.file().GetFile(u.ctx(), &pb.GetFileRequest{FileId: w.file[place]})
			return err
		}, [4]string{hidden, yes, yes, hidden}, [4]string{hidden, yes, yes, hidden}, [4]string{hidden, yes, yes, hidden}},
		{"post", func(u *user, place string) error {
			_, err := u.chat().Send(u.ctx(), &pb.SendRequest{Command: once(), Place: place, Text: "hello"})
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{}},
		{"upload", func(u *user, place string) error {
			_, err := u.file().BeginUpload(u.ctx(), &pb.BeginUploadRequest{Upload: 9, Place: place, Size: 1})
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{}},
		{"read", func(u *user, place string) error {
			_, err := u.chat().MarkRead(u.ctx(), &pb.MarkReadRequest{Command: once(), Place: place})
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{}},
		{"tail", func(u *user, place string) error {
			s, err := u.chat().Tail(u.ctx(), &pb.TailRequest{Place: place})
			require.NoError(t, err)
			_, err = s.Recv()
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{}},
		{"watch", func(u *user, place string) error {
			s, err := u.event().Watch(u.ctx(), &pb.WatchRequest{Places: []string{place}})
			require.NoError(t, err)
			_, err = s.Recv()
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{}},
		{"search there", func(u *user, place string) error {
			_, err := u.chat().Search(u.ctx(), &pb.SearchRequest{Query: "needle", Place: place})
			return err
		}, [4]string{join, yes, yes, join}, [4]string{hidden, yes, yes, hidden}, [4]string{}},
		{"describe", func(u *user, place string) error {
			text := "described"
			_, err := u.channel().UpdateChannel(u.ctx(), &pb.UpdateChannelRequest{Command: once(), Channel: place, Description: &text})
			return err
		}, [4]string{join, admins, yes, yes}, [4]string{hidden, admins, yes, yes}, [4]string{}},
		{"add and remove", func(u *user, place string) error {
			w.sequence++
			name := fmt.Sprint("guest", w.sequence)
			w.signUp(name)
			_, err := u.channel().AddMember(u.ctx(), &pb.AddMemberRequest{Command: once(), Channel: place, Username: name})
			if err != nil {
				return err
			}
			_, err = u.channel().RemoveMember(u.ctx(), &pb.RemoveMemberRequest{Command: once(), Channel: place, Username: name})
			return err
		}, [4]string{join, admins, yes, yes}, [4]string{hidden, admins, yes, yes}, [4]string{}},
		{"promote and demote", func(u *user, place string) error {
			_, err := u.channel().PromoteMember(u.ctx(), &pb.PromoteMemberRequest{Command: once(), Channel: place, Username: "member"})
			if err != nil {
				return err
			}
			_, err = u.channel().DemoteMember(u.ctx(), &pb.DemoteMemberRequest{Command: once(), Channel: place, Username: "member"})
			return err
		}, [4]string{join, admins, yes, yes}, [4]string{hidden, admins, yes, yes}, [4]string{}},
		{"archive and unarchive", func(u *user, place string) error {
			_, err := u.channel().ArchiveChannel(u.ctx(), &pb.ArchiveChannelRequest{Command: once(), Channel: place})
			if err != nil {
				return err
			}
			_, err = u.channel().UnarchiveChannel(u.ctx(), &pb.UnarchiveChannelRequest{Command: once(), Channel: place})
			return err
		}, [4]string{join, admins, yes, yes}, [4]string{hidden, admins, yes, yes}, [4]string{}},
		{"delete another's file", func(u *user, place string) error {
			if u == w.who["admin"] {
				return nil // it is his: there would be none for the others
			}
			_, err := u.file().DeleteFile(u.ctx(), &pb.DeleteFileRequest{Command: once(), FileId: w.file[place]})
			return err
		}, [4]string{hidden, "PermissionDenied NOT_UPLOADER", yes, hidden}, [4]string{hidden, "PermissionDenied NOT_UPLOADER", yes, hidden},
			[4]string{hidden, "PermissionDenied NOT_UPLOADER", yes, hidden}},
	} {
		for place, want := range map[string][4]string{"#open": row.open, "#closed": row.closed, "@admin": row.direct} {
			for i, who := range []string{"outsider", "member", "admin", "governor"} {
				if want[i] == "" {
					continue // "@admin" is another conversation for each who asks
				}
				err := row.do(w.who[who], place)
				got := yes
				if err != nil {
					f := convert.ParseError(err)
					got = f.Status.String() + " " + f.Reason
				}
				require.True(t, got == want[i] || want[i] == hidden && strings.HasPrefix(got, hidden), "%s: %s in %s gets %s, not %s (%v)", row.action, who, place, got, want[i], err)
			}
		}
	}
}

// What may not be seen is told in the very words of what there is not: no code, no reason, no sentence differs.
func TestR18_WhatIsHiddenIsAnsweredAsWhatThereIsNot(t *testing.T) {
	w := newTown(t)
	u := w.who["outsider"]
	other := w.signUp("other")
	other.send("@member", "their own")
	hiddenMessage, noMessage := w.message["#closed"], swapPlace(w.message["#closed"])
	for _, c := range []struct {
		what         string
		real, unreal string
		do           func(ref string) error
	}{
		{"history", "#closed", "#nought", func(ref string) error {
			_, err := u.chat().History(u.ctx(), &pb.HistoryRequest{Place: ref})
			return err
		}},
		{"send", "#closed", "#nought", func(ref string) error {
			_, err := u.chat().Send(u.ctx(), &pb.SendRequest{Command: once(), Place: ref, Text: "x"})
			return err
		}},
		{"join", "#closed", "#nought", func(ref string) error {
			_, err := u.channel().JoinChannel(u.ctx(), &pb.JoinChannelRequest{Command: once(), Channel: ref})
			return err
		}},
		{"leave", "#closed", "#nought", func(ref string) error {
			_, err := u.channel().LeaveChannel(u.ctx(), &pb.LeaveChannelRequest{Command: once(), Channel: ref})
			return err
		}},
		{"add", "#closed", "#nought", func(ref string) error {
			_, err := u.channel().AddMember(u.ctx(), &pb.AddMemberRequest{Command: once(), Channel: ref, Username: "other"})
			return err
		}},
		{"tail", "#closed", "#nought", func(ref string) error {
			s, err := u.chat().Tail(u.ctx(), &pb.TailRequest{Place: ref})
			require.NoError(t, err)
			_, err = s.Recv()
			return err
		}},
		{"upload", "#closed", "#nought", func(ref string) error {
			_, err := u.file().BeginUpload(u.ctx(), &pb.BeginUploadRequest{Upload: 1, Place: ref, Size: 1})
			return err
		}},
		{"message", hiddenMessage, noMessage, func(ref string) error {
			_, err := u.chat().GetMessage(u.ctx(), &pb.GetMessageRequest{MessageId: ref})
			return err
		}},
		{"unsend", hiddenMessage, noMessage, func(ref string) error {
			_, err := u.chat().Unsend(u.ctx(), &pb.UnsendRequest{Command: once(), MessageId: ref})
			return err
		}},
		{"file", w.file["@admin"], w.file["@admin"] + "z", func(ref string) error {
			_, err := u.file().GetFile(u.ctx(), &pb.GetFileRequest{FileId: ref})
			return err
		}},
		{"file of a public channel", w.file["#open"], w.file["#open"] + "z", func(ref string) error {
			_, err := u.file().DeleteFile(u.ctx(), &pb.DeleteFileRequest{Command: once(), FileId: ref})
			return err
		}},
	} {
		a, b := convert.ParseError(c.do(c.real)), convert.ParseError(c.do(c.unreal))
		require.Equal(t, codes.NotFound, a.Status, c.what)
		a.Text, b.Text = strings.ReplaceAll(a.Text, strings.TrimPrefix(c.real, "#"), "X"), strings.ReplaceAll(b.Text, strings.TrimPrefix(c.unreal, "#"), "X")
		a.Position, b.Position = 0, 0 // where the log stands
		require.Equal(t, a, b, c.what)
	}
	list, err := u.channel().ListChannels(u.ctx(), &pb.ListChannelsRequest{})
	require.NoError(t, err)
	for _, ch := range list.GetChannels() {
		require.NotEqual(t, "closed", ch.GetName())
	}
	found, err := u.chat().Search(u.ctx(), &pb.SearchRequest{Query: "needle"})
	require.NoError(t, err)
	require.Empty(t, found.GetMessages())
	_, err = u.channel().CreateChannel(u.ctx(), &pb.CreateChannelRequest{Command: once(), Name: "closed"})
	refused(t, err, codes.AlreadyExists, "CHANNEL_NAME_RESERVED")
	_, err = u.channel().ListChannels(u.ctx(), &pb.ListChannelsRequest{Hidden: true})
	refused(t, err, codes.PermissionDenied, "NOT_CLUSTER_ADMIN")
	root := w.who["governor"]
	list, err = root.channel().ListChannels(root.ctx(), &pb.ListChannelsRequest{Hidden: true})
	require.NoError(t, err)
	require.Equal(t, "closed", list.GetChannels()[0].GetName())
}

// swapPlace makes of a message's id one of a message that there is not, in the same place.
func swapPlace(id string) string {
	parts := strings.Split(id, "_")
	return "msg_zzz_" + parts[2]
}
