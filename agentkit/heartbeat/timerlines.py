"""How do systemd's timers stand?"""
