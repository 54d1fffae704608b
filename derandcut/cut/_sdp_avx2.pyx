include "_sdp.pyx"
