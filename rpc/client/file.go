package client

import (
	"context"

	pb "parley/rpc/proto/parley/v1"
)

// PostFile puts content that was uploaded into a place, as a file; see Upload.
func (c *Client) PostFile(ctx context.Context, r *pb.PostFileRequest, o ...Option) (*pb.PostFileResponse, error) {
	return command(ctx, c, pb.FileService_PostFile_FullMethodName, r, &pb.PostFileResponse{}, o)
}

// ListFiles returns a page of a place's files, newest first; AllFiles returns all of them.
func (c *Client) ListFiles(ctx context.Context, r *pb.ListFilesRequest, o ...Option) (*pb.ListFilesResponse, error) {
	return query(ctx, c, pb.FileService_ListFiles_FullMethodName, r, &pb.ListFilesResponse{}, o)
}

// GetFile returns what there is to know about a file; Download returns its content.
func (c *Client) GetFile(ctx context.Context, file string, o ...Option) (*pb.GetFileResponse, error) {
	r := &pb.GetFileRequest{FileId: file}
	return query(ctx, c, pb.FileService_GetFile_FullMethodName, r, &pb.GetFileResponse{}, o)
}

// DeleteFile deletes a file.
func (c *Client) DeleteFile(ctx context.Context, file string, o ...Option) (*pb.DeleteFileResponse, error) {
	r := &pb.DeleteFileRequest{FileId: file}
	return command(ctx, c, pb.FileService_DeleteFile_FullMethodName, r, &pb.DeleteFileResponse{}, o)
}
