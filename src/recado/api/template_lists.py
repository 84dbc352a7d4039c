"""Lists of templates that are asked for before a campaign is judged by them."""

from fastapi import Request

from recado.api.access import Access
from recado.domain.ids import CampaignId
from recado.features.campaigns import service
from recado.features.campaigns.schemas import CampaignChanges, NewCampaign
from recado.features.templates import service as templates


async def for_new(request: Request, access: Access, new: NewCampaign) -> None:
    """Before a campaign is made; outside of its transaction, as a provider may take its time."""
    await templates.freshen(
        access.runtime,
        request.app.state.transport,
        access.workspace_id,
        new.content.model_dump(),
        new.channel_ids,
    )


async def for_campaign(
    request: Request, access: Access, campaign_id: int, changes: CampaignChanges | None = None
) -> None:
    """Before a campaign is changed like this, looked ahead at or started; likewise.

    Raises:
        NotFound: No such campaign.
    """
    async with access.transaction() as tx:
        content = (await service.get(tx, CampaignId(campaign_id))).content
        through = [int(one) for one in await service.channels_of(tx, CampaignId(campaign_id))]
    if changes is not None:
        content = content if changes.content is None else changes.content.model_dump()
        through = through if changes.channel_ids is None else changes.channel_ids
    await templates.freshen(
        access.runtime, request.app.state.transport, access.workspace_id, content, through
    )
