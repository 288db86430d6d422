package backend

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"parley/cmd/parley/fetch"
	"parley/cmd/parley/shell"
	pb "parley/rpc/proto/parley/v1"
)

func fileOf(f *pb.File) shell.File {
	return shell.File{
		ID: f.GetId(), Name: f.GetName(), Description: f.GetDescription(), Uploader: f.GetUploader(), Size: int64(f.GetSize()), Time: timeOf(f.GetTime()),
	}
}

// Files are those of a place, newest first.
func (b *Backend) Files(ctx context.Context, place shell.PlaceID) (all []shell.File, err error) {
	for f, err := range b.c.AllFiles(ctx, string(place)) {
		if err != nil {
			return nil, meant(err)
		}
		all = append(all, fileOf(f))
	}
	return all, nil
}

// Upload puts a file of this machine into a place.
func (b *Backend) Upload(ctx context.Context, place shell.PlaceID, path, description string, progress func(done, all int64)) (shell.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return shell.File{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return shell.File{}, err
	}
	if !info.Mode().IsRegular() {
		return shell.File{}, fmt.Errorf("%s is no file", path)
	}
	content := io.NewSectionReader(f, 0, info.Size())
	kept, err := b.c.Upload(ctx, string(place), content, func(done int64) {
		if progress != nil {
			progress(done, info.Size())
		}
	})
	if err != nil {
		return shell.File{}, meant(err)
	}
	posted, err := b.c.PostFile(ctx, &pb.PostFileRequest{
		Place: string(place), Sha256: kept.GetSha256(), Size: kept.GetSize(), Name: filepath.Base(path), Description: description,
	})
	if err != nil {
		return shell.File{}, meant(err)
	}
	return fileOf(posted.GetFile()), nil
}

// Download gets a file, to a path of this machine.
func (b *Backend) Download(ctx context.Context, id, path string, progress func(done, all int64)) (string, error) {
	f, err := b.c.GetFile(ctx, id)
	if err != nil {
		return "", meant(err)
	}
	path, err = fetch.File(ctx, b.c, f.GetFile(), fetch.Options{To: path, Progress: progress})
	return path, meant(err)
}
