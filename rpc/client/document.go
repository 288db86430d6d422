package client

import (
	"context"

	pb "parley/rpc/proto/parley/v1"
)

// CreateDocument makes a document, which the user owns.
func (c *Client) CreateDocument(ctx context.Context, r *pb.CreateDocumentRequest, o ...Option) (*pb.CreateDocumentResponse, error) {
	return command(ctx, c, pb.DocumentService_CreateDocument_FullMethodName, r, &pb.CreateDocumentResponse{}, o)
}

// UpdateDocument gives a document another content.
func (c *Client) UpdateDocument(ctx context.Context, r *pb.UpdateDocumentRequest, o ...Option) (*pb.UpdateDocumentResponse, error) {
	return command(ctx, c, pb.DocumentService_UpdateDocument_FullMethodName, r, &pb.UpdateDocumentResponse{}, o)
}

// RestoreDocument makes the content of an older revision the newest one.
func (c *Client) RestoreDocument(ctx context.Context, r *pb.RestoreDocumentRequest, o ...Option) (*pb.RestoreDocumentResponse, error) {
	return command(ctx, c, pb.DocumentService_RestoreDocument_FullMethodName, r, &pb.RestoreDocumentResponse{}, o)
}

// ShareDocument gives somebody a role in a document.
func (c *Client) ShareDocument(ctx context.Context, r *pb.ShareDocumentRequest, o ...Option) (*pb.ShareDocumentResponse, error) {
	return command(ctx, c, pb.DocumentService_ShareDocument_FullMethodName, r, &pb.ShareDocumentResponse{}, o)
}

// UnshareDocument takes a line off a document's access list.
func (c *Client) UnshareDocument(ctx context.Context, r *pb.UnshareDocumentRequest, o ...Option) (*pb.UnshareDocumentResponse, error) {
	return command(ctx, c, pb.DocumentService_UnshareDocument_FullMethodName, r, &pb.UnshareDocumentResponse{}, o)
}

// SetDocument changes a document's title, how it is written, and whether a model may read it.
func (c *Client) SetDocument(ctx context.Context, r *pb.SetDocumentRequest, o ...Option) (*pb.SetDocumentResponse, error) {
	return command(ctx, c, pb.DocumentService_SetDocument_FullMethodName, r, &pb.SetDocumentResponse{}, o)
}

// DeleteDocument takes a document out of sight.
func (c *Client) DeleteDocument(ctx context.Context, document string, o ...Option) (*pb.DeleteDocumentResponse, error) {
	r := &pb.DeleteDocumentRequest{DocumentId: document}
	return command(ctx, c, pb.DocumentService_DeleteDocument_FullMethodName, r, &pb.DeleteDocumentResponse{}, o)
}

// UndeleteDocument brings a document back.
func (c *Client) UndeleteDocument(ctx context.Context, document string, o ...Option) (*pb.UndeleteDocumentResponse, error) {
	r := &pb.UndeleteDocumentRequest{DocumentId: document}
	return command(ctx, c, pb.DocumentService_UndeleteDocument_FullMethodName, r, &pb.UndeleteDocumentResponse{}, o)
}

// GetDocument returns a document with a content: the newest, or an older one.
func (c *Client) GetDocument(ctx context.Context, r *pb.GetDocumentRequest, o ...Option) (*pb.GetDocumentResponse, error) {
	return query(ctx, c, pb.DocumentService_GetDocument_FullMethodName, r, &pb.GetDocumentResponse{}, o)
}

// ListRevisions returns a page of a document's history, newest first; AllRevisions returns all of it.
func (c *Client) ListRevisions(ctx context.Context, r *pb.ListRevisionsRequest, o ...Option) (*pb.ListRevisionsResponse, error) {
	return query(ctx, c, pb.DocumentService_ListRevisions_FullMethodName, r, &pb.ListRevisionsResponse{}, o)
}

// ListDocuments returns a page of the documents that the user may read, newest first; AllDocuments returns all of them.
func (c *Client) ListDocuments(ctx context.Context, r *pb.ListDocumentsRequest, o ...Option) (*pb.ListDocumentsResponse, error) {
	return query(ctx, c, pb.DocumentService_ListDocuments_FullMethodName, r, &pb.ListDocumentsResponse{}, o)
}

// ListGrants returns a document's access list.
func (c *Client) ListGrants(ctx context.Context, document string, o ...Option) (*pb.ListGrantsResponse, error) {
	r := &pb.ListGrantsRequest{DocumentId: document}
	return query(ctx, c, pb.DocumentService_ListGrants_FullMethodName, r, &pb.ListGrantsResponse{}, o)
}
