"""Bitrix24 Chat Lookup: which chat belongs to this CRM deal, open line, task, group or foreign object?"""
