package server

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// put uploads content from an offset on.
func (u *user) put(place, content string, upload uint64, offset int, sum string) (*pb.UploadResponse, error) {
	s, err := u.file().Upload(u.ctx())
	require.NoError(u.c.t, err)
	header := &pb.UploadHeader{Upload: upload, Place: place, Size: uint64(len(content)), Offset: uint64(offset), Sha256: sum}
	_ = s.Send(&pb.UploadRequest{Step: &pb.UploadRequest_Header{Header: header}}) // CloseAndRecv tells
	for rest := content[offset:]; len(rest) > 0; {
		n := min(len(rest), 64<<10)
		if s.Send(&pb.UploadRequest{Step: &pb.UploadRequest_Chunk{Chunk: []byte(rest[:n])}}) != nil {
			break
		}
		rest = rest[n:]
	}
	return s.CloseAndRecv()
}

// upload puts a file somewhere.
func (u *user) upload(place, name, content string) *pb.File {
	u.c.t.Helper()
	r, err := u.put(place, content, rand.Uint64(), 0, "")
	require.NoError(u.c.t, err)
	posted, err := u.file().PostFile(u.ctx(), &pb.PostFileRequest{Command: once(), Place: place, Sha256: r.GetSha256(), Size: r.GetSize(), Name: name})
	require.NoError(u.c.t, err)
	return posted.GetFile()
}

// download returns a file's content from an offset on.
func (u *user) download(id string, offset int) (string, error) {
	s, err := u.file().Download(u.ctx(), &pb.DownloadRequest{FileId: id, Offset: uint64(offset)})
	require.NoError(u.c.t, err)
	var b strings.Builder
	for {
		r, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		b.Write(r.GetChunk())
	}
}

// noise is content that nothing compresses and no two tests share.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(b) // never fails
	return string(b)
}

func sumText(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func TestR42_AFileComesBackByteForByteFromEveryNodeAndOutlivesAny(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	content := noise(3<<20 + 77)
	f := ann.upload("general", "noise.bin", content)
	empty := ann.upload("@bob", "empty", "")
	require.Equal(t, sumText(content), f.GetSha256())
	for i := range c.hosts {
		got, err := bob.at(i).download(f.GetId(), 0)
		require.NoError(t, err)
		require.True(t, got == content, "node %d", i)
		got, err = bob.at(i).download(f.GetId(), len(content)-10)
		require.NoError(t, err)
		require.Equal(t, content[len(content)-10:], got)
		got, err = bob.at(i).download(empty.GetId(), 0)
		require.NoError(t, err)
		require.Empty(t, got)
	}
	_, err := bob.download(f.GetId(), len(content)+1)
	refused(t, err, codes.InvalidArgument, "FIELD_INVALID")
	c.stop(c.leader())
	bob.node = c.leader()
	got, err := bob.download(f.GetId(), 0)
	require.NoError(t, err)
	require.True(t, got == content)
}

func TestR41_ALimitHoldsWhileBytesCome(t *testing.T) {
	limits := statemachine.DefaultLimits()
	limits.FileBytesMax = 200 << 10
	c := startCluster(t, 1, Config{Limits: limits})
	ann := c.signUp("ann")
	_, err := ann.file().BeginUpload(ann.ctx(), &pb.BeginUploadRequest{Upload: 1, Place: "general", Size: 201 << 10})
	require.Equal(t, "size", refused(t, err, codes.InvalidArgument, "FILE_TOO_LARGE").Field)
	_, err = ann.put("general", noise(201<<10), 1, 0, "")
	refused(t, err, codes.InvalidArgument, "FILE_TOO_LARGE")

	// More comes than was promised.
	s, err := ann.file().Upload(ann.ctx())
	require.NoError(t, err)
	require.NoError(t, s.Send(&pb.UploadRequest{Step: &pb.UploadRequest_Header{Header: &pb.UploadHeader{Upload: 2, Place: "general", Size: 10}}}))
	_ = s.Send(&pb.UploadRequest{Step: &pb.UploadRequest_Chunk{Chunk: make([]byte, 11)}})
	_, err = s.CloseAndRecv()
	refused(t, err, codes.DataLoss, "OTHER_CONTENT")

	content := noise(200 << 10)
	_, err = ann.put("general", content, 3, 0, sumText("something else"))
	refused(t, err, codes.DataLoss, "OTHER_CONTENT")
	s, err = ann.file().Upload(ann.ctx())
	require.NoError(t, err)
	_ = s.Send(&pb.UploadRequest{Step: &pb.UploadRequest_Chunk{Chunk: []byte("no header")}})
	_, err = s.CloseAndRecv()
	refused(t, err, codes.InvalidArgument, "MALFORMED")

	f := ann.upload("general", "just fits", content)
	require.EqualValues(t, 200<<10, f.GetSize())
	_, err = ann.file().PostFile(ann.ctx(), &pb.PostFileRequest{Command: once(), Place: "general", Sha256: sumText("never uploaded"), Size: 3, Name: "x"})
	refused(t, err, codes.FailedPrecondition, "NOT_UPLOADED")
}

// Who knows the sum of somebody's content does not get at it by naming it.
func TestR44_ContentIsPostedByWhoUploadedItAndReadByWhoMay(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	content := noise(1000)
	f := ann.upload("@bob", "letter.txt", content)
	cid := c.signUp("cid")
	_, err := cid.file().PostFile(cid.ctx(), &pb.PostFileRequest{Command: once(), Place: "general", Sha256: f.GetSha256(), Size: f.GetSize(), Name: "stolen"})
	refused(t, err, codes.FailedPrecondition, "NOT_UPLOADED")
	_, err = cid.download(f.GetId(), 0)
	refused(t, err, codes.NotFound, "FILE_NOT_FOUND")
	got, err := bob.download(f.GetId(), 0)
	require.NoError(t, err)
	require.Equal(t, content, got)
}

func TestR43_FilesAreListedWithAllThereIsToKnow(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	text := ann.upload("@bob", `C:\tmp\..\letter.txt`, "hello, this is plain text")
	image := ann.upload("@bob", "a.png", "\x89PNG\r\n\x1a\n....")
	list, err := bob.file().ListFiles(bob.ctx(), &pb.ListFilesRequest{Place: "@ann"})
	require.NoError(t, err)
	require.Len(t, list.GetFiles(), 2)
	require.Equal(t, image.GetId(), list.GetFiles()[0].GetId(), "newest first")
	require.Equal(t, "image/png", list.GetFiles()[0].GetType())
	got := list.GetFiles()[1]
	require.Equal(t, text.GetId(), got.GetId())
	require.Equal(t, "letter.txt", got.GetName())
	require.Equal(t, "ann", got.GetUploader())
	require.Equal(t, "@ann", got.GetPlace())
	require.EqualValues(t, 25, got.GetSize())
	require.NotZero(t, got.GetTime().AsTime())
	page, err := bob.file().ListFiles(bob.ctx(), &pb.ListFilesRequest{Place: "@ann", Limit: 1})
	require.NoError(t, err)
	page, err = bob.file().ListFiles(bob.ctx(), &pb.ListFilesRequest{Place: "@ann", Limit: 1, Cursor: page.GetNextCursor()})
	require.NoError(t, err)
	require.Equal(t, text.GetId(), page.GetFiles()[0].GetId())
	require.Empty(t, page.GetNextCursor())
}

func TestR46_ABrokenUploadGoesOnWhereItStoppedAndQuotasCount(t *testing.T) {
	limits := statemachine.DefaultLimits()
	limits.QuotaBytes = 600 << 10
	c := startCluster(t, 3, Config{Limits: limits})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	content := noise(500 << 10)
	broken, err := ann.file().Upload(ann.ctx())
	require.NoError(t, err)
	require.NoError(t, broken.Send(&pb.UploadRequest{Step: &pb.UploadRequest_Header{Header: &pb.UploadHeader{Upload: 5, Place: "general", Size: 500 << 10}}}))
	require.NoError(t, broken.Send(&pb.UploadRequest{Step: &pb.UploadRequest_Chunk{Chunk: []byte(content[:100<<10])}}))
	_, err = broken.CloseAndRecv()
	refused(t, err, codes.DataLoss, "OTHER_CONTENT")

	begin := &pb.BeginUploadRequest{Upload: 5, Place: "general", Size: 500 << 10}
	at, err := ann.file().BeginUpload(ann.ctx(), begin)
	require.NoError(t, err)
	require.EqualValues(t, 100<<10, at.GetOffset())
	his, err := bob.file().BeginUpload(bob.ctx(), begin)
	require.NoError(t, err)
	require.Zero(t, his.GetOffset(), "another user's upload of the same number is another")
	_, err = ann.put("general", content, 5, 200<<10, sumText(content))
	f := refused(t, err, codes.OutOfRange, "UPLOAD_OFFSET")
	require.EqualValues(t, 100<<10, f.Offset)
	_, err = ann.put("general", content, 5, 100<<10, "")
	refused(t, err, codes.InvalidArgument, "FIELD_INVALID")

	r, err := ann.put("general", content, 5, 50<<10, sumText(content)) // some of it is there already
	require.NoError(t, err)
	posted, err := ann.file().PostFile(ann.ctx(), &pb.PostFileRequest{Command: once(), Place: "general", Sha256: r.GetSha256(), Size: r.GetSize(), Name: "x"})
	require.NoError(t, err)
	got, err := bob.download(posted.GetFile().GetId(), 0)
	require.NoError(t, err)
	require.True(t, got == content)

	_, err = ann.file().BeginUpload(ann.ctx(), &pb.BeginUploadRequest{Upload: 6, Place: "general", Size: 101 << 10})
	refused(t, err, codes.ResourceExhausted, "QUOTA_EXCEEDED")
	_, err = ann.file().DeleteFile(ann.ctx(), &pb.DeleteFileRequest{Command: once(), FileId: posted.GetFile().GetId()})
	require.NoError(t, err)
	_, err = ann.file().BeginUpload(ann.ctx(), &pb.BeginUploadRequest{Upload: 6, Place: "general", Size: 101 << 10})
	require.NoError(t, err)
	require.Equal(t, codes.NotFound, convert.ParseError(func() error { _, err := bob.download(posted.GetFile().GetId(), 0); return err }()).Status)
}
