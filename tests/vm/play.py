import sys, time; sys.path[:0]=['/var/tmp/team/rescue/tests/box','/var/tmp/team/rescue/tests/vm']
from disk import image
from machine import Machine
t=time.monotonic()
i=image("bookworm"); print("image", time.monotonic()-t)
with Machine(i) as m:
    t=time.monotonic(); m.boot("nas2fa.rescue"); print("reboot", time.monotonic()-t)
    print(m.run("cat /proc/cmdline; systemctl status nas2fa-rescue; uname -a").stdout)
