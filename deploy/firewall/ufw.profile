# Copy to /etc/ufw/applications.d/gongshi, then: ufw allow gongshi
# Only peers. A town dials out only and needs no opening at all.
[gongshi]
title=Gongshi
description=QUIC between levels; the console (4790) must stay closed
ports=4701/udp
