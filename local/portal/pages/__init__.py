"""The portal's pages for people: chats, objects of the CRM, and the frames of applications (bitrix24.md 10.5)."""
