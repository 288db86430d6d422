package snap

// Resum makes the checksums of a snapshot's pieces right, whatever stands in them, as far as its
// layout can be made out: what random bytes never reach is the code that trusts them.
func Resum(p []byte) {
	if len(p) < leadBytes {
		return
	}
	le.PutUint32(p[12:], checksum(p[:12]))
	n, err := headerLength(p, "")
	if err != nil || n > int64(len(p)) {
		return
	}
	le.PutUint32(p[n-sumBytes:], checksum(p[:n-sumBytes]))
	h, err := decodeHeader(p[:n], "", 0xc1)
	if err != nil {
		return
	}
	l, ok := layoutOf(&h, int64(len(p)))
	if !ok {
		return
	}
	v := newVerifier("", h.cluster, ID{})
	for at := int64(0); at < l.size; {
		piece, _ := l.pieceAt(at)
		b := p[at : at+piece.bytes]
		switch end := len(b) - sumBytes; piece.kind {
		case pieceChunk:
			le.PutUint32(b[end:], l.chunkSum(piece.number, b[:end]))
		case pieceTrailer:
			_, _ = v.digest.Write(b[:trailerSum])
			copy(b[trailerSum:], v.digest.Sum(nil))
			le.PutUint32(b[end:], l.trailerSum(b))
		}
		_, _ = v.digest.Write(b)
		at += piece.bytes
	}
}
