package convert

import (
	"encoding/hex"

	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/file"
	"parley/statemachine/state"
)

// File returns a file as the readers of its place see it.
func File(a *file.Attached) *pb.File { return fileOf(&a.File, a.Called, a.OwnerName) }

func fileOf(f *state.File, place, owner string) *pb.File {
	return &pb.File{
		Id:          f.ID.String(),
		Position:    uint64(f.ID),
		Place:       place,
		Name:        f.Name,
		Size:        f.Size,
		Sha256:      hex.EncodeToString(f.Sum[:]),
		Type:        f.Type,
		Description: f.Description,
		Uploader:    owner,
		Time:        timeOf(f.Wall),
	}
}

// Files returns a page of files.
func Files(p *file.FilesPage) []*pb.File {
	files := make([]*pb.File, len(p.Files))
	for i := range p.Files {
		files[i] = File(&p.Files[i])
	}
	return files
}
