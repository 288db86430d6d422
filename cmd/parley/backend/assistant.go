package backend

import (
	"context"
	"strings"

	"parley/cmd/parley/shell"
	pb "parley/rpc/proto/parley/v1"
)

// sourceOf says where an answer is from, and why it is not from the model if there is one.
func sourceOf(o *pb.Origin) string {
	if note := strings.TrimSuffix(o.GetNote(), "."); note != "" {
		return o.GetSource() + ": " + note
	}
	return o.GetSource()
}

// SmartReply suggests answers to the last messages of a place.
func (b *Backend) SmartReply(ctx context.Context, place shell.PlaceID) ([]string, string, error) {
	r, err := b.c.SmartReply(ctx, string(place))
	return r.GetSuggestions(), sourceOf(r.GetOrigin()), meant(err)
}

// Summarize says what the last messages of a place are about.
func (b *Backend) Summarize(ctx context.Context, place shell.PlaceID, n int) (shell.Summary, error) {
	r, err := b.c.Summarize(ctx, string(place), n)
	return shell.Summary{Text: r.GetSummary(), KeyPoints: r.GetKeyPoints(), Source: sourceOf(r.GetOrigin())}, meant(err)
}

// Suggest says how a text could go on.
func (b *Backend) Suggest(ctx context.Context, place shell.PlaceID, text string) (shell.Suggestions, error) {
	r, err := b.c.Suggest(ctx, string(place), text)
	return shell.Suggestions{Completions: r.GetCompletions(), Topics: r.GetTopics(), Source: sourceOf(r.GetOrigin())}, meant(err)
}

// Ask answers a question.
func (b *Backend) Ask(ctx context.Context, place shell.PlaceID, question string, answer func(part string, anew bool)) (string, error) {
	origin, err := b.c.Ask(ctx, question, string(place), func(piece string, anew bool) error {
		answer(piece, anew)
		return nil
	})
	return sourceOf(origin), meant(err)
}
